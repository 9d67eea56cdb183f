from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from app.errors import Overloaded, RateLimited, Unavailable
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.openai.responses_answer import ResponsesAssembler
from tests.models.assemblers import anything, only_our_errors, read, told
from topics.model_requests import ToolCall
from topics.model_responses import Usage

ERRORS = ErrorTranslator("openai", None, ())
THOUGHTS = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{}"}


def message(*texts: str, **fields: Any) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": text, "annotations": [], **fields} for text in texts]
    return {"type": "message", "role": "assistant", "content": parts}


def reply(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "status": status, "output": list(output), **fields}


def last(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": reply(*output, status=status, **fields)}


def text(delta: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": delta, "item_id": "m", "output_index": 0}


def test_an_answer_comes_together() -> None:
    assembly, deltas = told(
        ResponsesAssembler(ERRORS),
        {"type": "response.created", "response": reply(status="in_progress")},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.output_item.added", "item": message()},
        text("H"),
        text("i."),
        {"type": "response.function_call_arguments.delta", "delta": "{}"},
        {"type": "response.an_event_of_the_future", "delta": {"a": 1}},
        last(THOUGHTS, message("Hi."), CALL, usage={"input_tokens": 5, "output_tokens": 3}),
    )

    assert deltas == [Delta(reasoning="Hm."), Delta("H"), Delta("i.")]
    assert assembly.done
    assert assembly.completion() == Completion(
        "Hi.",
        "tool_calls",
        Usage(input_tokens=5, output_tokens=3),
        "Hm.",
        (ToolCall(id="c1", name="weather", arguments="{}"),),
    )


def test_the_parts_of_a_summary_are_paragraphs() -> None:
    summary = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in ("Hm.", "Ah.")]}
    assembly, deltas = told(
        ResponsesAssembler(ERRORS),
        {"type": "response.reasoning_summary_part.added", "summary_index": 0},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.reasoning_summary_part.added", "summary_index": 1},
        {"type": "response.reasoning_summary_text.delta", "delta": "Ah."},
        text("Hi."),
        last(summary, message("Hi.")),
    )

    whole = read(ResponsesAssembler, reply(summary, message("Hi.")), ERRORS)
    assert "".join(delta.reasoning for delta in deltas) == "Hm.\n\nAh."
    assert assembly.completion().reasoning == whole.reasoning == "Hm.\n\nAh."


def test_the_name_of_an_event_says_what_it_is_when_its_data_does_not() -> None:
    assert ResponsesAssembler(ERRORS).add("response.output_text.delta", '{"delta": "H"}') == Delta("H")


def test_what_was_not_shown_before_is_shown_at_the_end() -> None:
    assembly, deltas = told(ResponsesAssembler(ERRORS), text("H"), last(THOUGHTS, message("Hi.")))

    assert deltas == [Delta("H"), Delta("i.", "Hm.")]
    assert assembly.completion() == Completion("Hi.", reasoning="Hm.")


def test_what_was_shown_counts_should_the_end_differ() -> None:
    assembly, _ = told(ResponsesAssembler(ERRORS), text("Hello."), last(message("Bye.")))

    assert assembly.completion().text == "Hello."
    assembly, _ = told(ResponsesAssembler(ERRORS), text("Hello."), last())
    assert assembly.completion().text == "Hello."


def test_an_incomplete_answer_has_its_reason() -> None:
    details = {"reason": "max_output_tokens"}
    assembly, _ = told(
        ResponsesAssembler(ERRORS),
        text("Half"),
        last(message("Half"), status="incomplete", incomplete_details=details),
    )

    assert assembly.completion() == Completion("Half", "length")


def test_without_a_last_event_it_is_no_answer() -> None:
    assembly, _ = told(ResponsesAssembler(ERRORS), text("Half"))

    assert not assembly.done
    with pytest.raises(Unavailable, match="ended without a finish reason"):
        assembly.completion()


def test_a_failed_response_is_an_error() -> None:
    assembly, _ = told(
        ResponsesAssembler(ERRORS),
        text("Half"),
        last(status="failed", error={"code": "overloaded", "message": "busy"}),
    )

    with pytest.raises(Overloaded, match="busy"):
        assembly.completion()


@pytest.mark.parametrize("data", ["{", '{"type": 3}'])
def test_what_is_not_an_event_is_unavailable(data: str) -> None:
    with pytest.raises(Unavailable, match="unexpected response format"):
        told(ResponsesAssembler(ERRORS), text("Half"), data)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    ],
)
def test_an_error_during_the_stream(event: dict[str, Any]) -> None:
    with pytest.raises(RateLimited, match="slow down"):
        told(ResponsesAssembler(ERRORS), text("Half"), event)


@given(
    anything("type", "delta", "response", "error", "status", "output", "content", "summary", "text", "usage", "message")
)
def test_nothing_that_is_sent_breaks_the_reading(data: object) -> None:
    only_our_errors(ResponsesAssembler, ERRORS, data)
