from __future__ import annotations

import pytest

from app.models.answers.verdict import empty_answer
from app.models.base import Completion
from topics.model_requests import ToolCall
from topics.model_responses import Usage

EMPTY = [
    "",
    " ",
    "\n\t\u3000",
    "\u200b\ufeff",
    "<think>Hm.</think>",
    "\n<think>Hm.</think>\n\n",
    "<think>Hm",
    "<thinking>a</thinking>",
]


@pytest.mark.parametrize("text", EMPTY)
def test_a_text_without_a_character_is_empty(text: str) -> None:
    completion = Completion(text, usage=Usage(output_tokens=5))

    error = empty_answer(completion, "host")

    assert error
    assert (error.code, error.provider, error.transient, error.answer) == ("empty_answer", "host", False, completion)


@pytest.mark.parametrize("text", ["0", ".", "\ufffd", "😀", "<think>Hm.</think> Yes", "a <think>", "<b>", "\u0301"])
def test_any_other_text_is_an_answer(text: str) -> None:
    assert empty_answer(Completion(text), "host") is None


def test_a_call_is_an_answer() -> None:
    assert empty_answer(Completion("", tool_calls=(ToolCall(id="a", name="f"),)), "host") is None


def test_what_adds_nothing_to_what_stands_is_an_answer() -> None:
    assert empty_answer(Completion(" "), "host", said="Yes.") is None
    assert empty_answer(Completion(" "), "host", said=" ")


@pytest.mark.parametrize(
    ("completion", "why"),
    [
        (
            Completion("", "length", Usage(reasoning_tokens=400)),
            "the token limit was spent, 400 of them on reasoning; raise",
        ),
        (Completion("", "length", reasoning="Hm"), "the token limit was spent on reasoning; raise max_tokens"),
        (Completion(" ", "length"), "the token limit was spent; raise max_tokens"),
        (Completion("", reasoning="391"), "there is reasoning, but no text and no tool call"),
        (Completion("<think>391</think>"), "there is reasoning, but no text and no tool call"),
        (Completion(""), "there is no text and no tool call"),
    ],
)
def test_the_message_says_why(completion: Completion, why: str) -> None:
    assert why in str(empty_answer(completion, "host"))
