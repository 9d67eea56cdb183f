from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest

from app.errors import (
    ContentFiltered,
    Unavailable,
)
from app.models.anthropic.message_answer import MessageAssembler
from app.models.base import Completion
from app.models.http.errors import ErrorTranslator
from tests.models.assemblers import read
from topics.model_requests import ToolCall
from topics.model_responses import Usage

ERRORS = ErrorTranslator("anthropic", anthropic, ("sk-planted-1",))


def reply(*blocks: dict[str, Any], reason: str | None = "end_turn", **fields: Any) -> bytes:
    usage = {"input_tokens": 11, "output_tokens": 3, "cache_read_input_tokens": None}
    return json.dumps({"type": "message", "content": blocks, "stop_reason": reason, "usage": usage} | fields).encode()


def answered(body: bytes) -> Completion:
    return read(MessageAssembler, body, ERRORS)


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_reasoning_is_kept_apart_from_the_text() -> None:
    completion = answered(reply({"type": "thinking", "thinking": "Hm."}, text("Hi"), text(".")))

    assert (completion.text, completion.reasoning) == ("Hi.", "Hm.")


def test_what_the_cache_gave_was_input_too() -> None:
    usage = {
        "input_tokens": 11,
        "output_tokens": 9,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 2,
        "output_tokens_details": {"thinking_tokens": 5},
    }

    counted = answered(reply(text("Hi."), usage=usage)).usage

    assert counted == Usage(
        input_tokens=17, output_tokens=9, cached_input_tokens=2, cache_write_tokens=4, reasoning_tokens=5
    )


def test_calls_are_read() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"place": "Oslo"}}
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}

    completion = answered(reply(text("Wait."), search, use, reason="tool_use"))

    assert completion.finish_reason == "tool_calls"
    assert completion.tool_calls == (ToolCall(id="t1", name="weather", arguments='{"place": "Oslo"}'),)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "other"),
        (None, "other"),
    ],
)
def test_the_reason_to_finish_is_normalised(theirs: str | None, ours: str) -> None:
    assert answered(reply(text("Hi."), reason=theirs)).finish_reason == ours


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "the model refused to answer"),
        ({"stop_details": {"explanation": "Not that."}}, "Not that."),
        ({"content": [text("I would rather not: sk-planted-1")]}, r"rather not: \[redacted\]"),
    ],
)
def test_a_refusal_is_filtered(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ContentFiltered, match=message):
        answered(reply(reason="refusal", **fields))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"usage": {}}', b'{"delta": "Hi."}', b'{"conte'])
def test_an_answer_of_another_form_is_never_a_success(body: bytes) -> None:
    with pytest.raises(Unavailable, match="unexpected response format"):
        answered(body)
