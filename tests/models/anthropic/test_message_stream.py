from __future__ import annotations

from typing import Any

import anthropic
import pytest

from app.errors import (
    ContentFiltered,
    InvalidRequest,
    ModelError,
    ModelTimeout,
    Overloaded,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from app.models.anthropic.message_answer import MessageAssembler
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from tests.models.assemblers import told
from topics.model_requests import ToolCall
from topics.model_responses import Usage

ERRORS = ErrorTranslator("anthropic", anthropic, ("sk-planted-1",))

START = {"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}}
STOP = {"type": "message_stop"}


def opened(index: int, **block: object) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def ended(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3} | usage}


def taken(*events: dict[str, Any]) -> tuple[list[Delta], Completion]:
    assembly, pieces = told(MessageAssembler(ERRORS), *events)
    return pieces, assembly.completion()


def test_a_stream_is_its_pieces_and_then_the_whole() -> None:
    pieces, completion = taken(
        {"type": "message_start", "message": {"usage": {"input_tokens": 11, "cache_read_input_tokens": 2}}},
        opened(0, type="thinking", thinking=""),
        delta(0, "thinking_delta", thinking="Hm."),
        delta(0, "signature_delta", signature="abc"),
        {"type": "content_block_stop", "index": 0},
        {"type": "ping"},
        opened(1, type="text", text=""),
        delta(1, "text_delta", text="Hi"),
        delta(1, "text_delta", text="."),
        {"type": "content_block_stop", "index": 1},
        {"type": "an_event_of_the_future", "anything": [1]},
        ended(output_tokens_details={"thinking_tokens": 1}),
        STOP,
    )

    assert pieces == [Delta(reasoning="Hm."), Delta("Hi"), Delta(".")]
    assert completion == Completion(
        "Hi.",
        "stop",
        Usage(input_tokens=13, output_tokens=3, cached_input_tokens=2, reasoning_tokens=1),
        reasoning="Hm.",
    )


def test_the_last_counts_are_the_totals() -> None:
    _, completion = taken(START, ended(input_tokens=20), STOP)

    assert completion.usage == Usage(input_tokens=20, output_tokens=3)


def test_the_arguments_of_calls_come_in_pieces_each_to_its_own() -> None:
    pieces, completion = taken(
        START,
        opened(0, type="tool_use", id="t1", name="weather", input={}),
        delta(0, "input_json_delta", partial_json=""),
        delta(0, "input_json_delta", partial_json='{"place": '),
        opened(1, type="tool_use", id="t2", name="now", input={}),
        delta(0, "input_json_delta", partial_json='"Oslo"}'),
        ended("tool_use"),
        STOP,
    )

    assert pieces == []
    assert completion.finish_reason == "tool_calls"
    assert completion.tool_calls == (
        ToolCall(id="t1", name="weather", arguments='{"place": "Oslo"}'),
        ToolCall(id="t2", name="now", arguments="{}"),
    )


def test_a_refusal_in_a_stream_is_filtered() -> None:
    with pytest.raises(ContentFiltered, match="refused"):
        taken(START, ended("refusal"), STOP)


@pytest.mark.parametrize("events", [(), (START,), (START, ended(None)), (STOP,)])
def test_a_stream_without_a_proper_end_is_none(events: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(Unavailable, match="without a finish reason"):
        taken(*events)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", Overloaded),
        ("rate_limit_error", RateLimited),
        ("api_error", Unavailable),
        ("timeout_error", ModelTimeout),
        ("authentication_error", Unauthorized),
        ("permission_error", Unauthorized),
        ("billing_error", Unauthorized),
        ("invalid_request_error", InvalidRequest),
        ("not_found_error", InvalidRequest),
        ("an_error_of_the_future", Unavailable),
    ],
)
def test_an_error_in_a_stream_is_what_it_says(kind: str, error: type[ModelError]) -> None:
    with pytest.raises(error, match=r"Too bad, \[redacted\]\.") as raised:
        taken(START, {"type": "error", "error": {"type": kind, "message": "Too bad, sk-planted-1."}})

    assert type(raised.value) is error
    assert raised.value.provider == "anthropic"


@pytest.mark.parametrize("data", ["{", '{"type": 1}', '{"type": "content_block_delta", "delta": 1}'])
def test_an_event_of_another_form_ends_the_stream(data: str) -> None:
    with pytest.raises(Unavailable, match="unexpected response format"):
        MessageAssembler(ERRORS).add("message", data)
