from __future__ import annotations

import json
from typing import Any

import pytest

from app.errors import Unavailable
from app.models.base import Completion
from app.models.paid import answer_in, cut_answer, paid_answer
from topics.model_requests import ToolCall
from topics.model_responses import Usage

COUNTED = Usage(input_tokens=10, output_tokens=4)
USAGE = {"prompt_tokens": 10, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (
            {"choices": [{"message": {"content": "Hi", "refusal": None}}], "usage": USAGE},
            Completion("Hi", usage=COUNTED),
        ),
        ({"choices": [], "usage": USAGE}, Completion("", usage=COUNTED)),
        ({"error": {"message": "died"}, "usage": USAGE}, Completion("", usage=COUNTED)),
        ({"choices": [{"message": {"content": "Hi"}}]}, Completion("Hi")),
        ({"choices": [{"message": {"content": [{"type": "text", "text": "Hi"}]}}]}, Completion("Hi")),
        ({"content": [{"type": "thinking", "thinking": "hm"}], "usage": None}, Completion("hm")),
        ({"output": [{"content": [{"type": "refusal", "refusal": "No."}]}]}, Completion("No.")),
        ({"response": {"status": "failed", "output": [], "usage": USAGE}}, Completion("", usage=COUNTED)),
        ({"custom_id": "a", "response": {"body": {"usage": USAGE}}}, Completion("", usage=COUNTED)),
        ({"result": {"message": {"content": [{"text": "Hi"}], "usage": USAGE}}}, Completion("Hi", usage=COUNTED)),
        ({"error": {"message": "no"}}, None),
        ({"choices": [], "usage": {"prompt_tokens": -1}}, None),
        ([], None),
        ("usage", None),
    ],
)
def test_what_there_is_to_pay_for_in_a_body(body: Any, answer: Completion | None) -> None:
    assert answer_in(json.dumps(body).encode(), "openai") == answer


@pytest.mark.parametrize(
    "body", [b"", b"<html>usage</html>", b'{"usage": {"prompt_tokens": 1', b"[" * 200_000, b"\xff\xfe"]
)
def test_what_is_not_json_has_no_answer(body: bytes) -> None:
    assert answer_in(body, "openai") is None


def test_an_error_carries_what_the_body_has_cost() -> None:
    body = json.dumps({"choices": [], "usage": USAGE}).encode()
    with pytest.raises(Unavailable) as caught, paid_answer(body, "openai"):
        raise Unavailable("odd")
    assert caught.value.answer == Completion("", usage=COUNTED)


def test_what_an_error_carries_already_stays() -> None:
    error = Unavailable("odd")
    error.answer = Completion("Hi")
    with pytest.raises(Unavailable), paid_answer(b'{"choices": [{"text": "Ho"}]}', "openai"):
        raise error
    assert error.answer == Completion("Hi")


@pytest.mark.parametrize(
    ("answer", "counted", "output"),
    [
        (Completion("x" * 40, usage=COUNTED), True, 4),
        (Completion("x" * 40, usage=COUNTED), False, 0),  # to be estimated: 10 tokens were written
        (Completion("x" * 8, usage=COUNTED), False, 4),
        (Completion("", reasoning="x" * 40, usage=COUNTED), False, 0),
        (Completion("", usage=COUNTED, tool_calls=(ToolCall(id="1", name="f", arguments="x" * 40),)), False, 0),
    ],
)
def test_counts_of_an_earlier_moment_do_not_count(answer: Completion, counted: bool, output: int) -> None:  # noqa: FBT001  # a parameter
    found = cut_answer(answer, counted=counted)
    assert found is not None
    assert found.usage == COUNTED.model_copy(update={"output_tokens": output})


def test_where_nothing_came_there_is_nothing_to_pay_for() -> None:
    assert cut_answer(Completion("", "other"), counted=False) is None
