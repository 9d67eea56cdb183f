from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from testkit.provider.dialects import DIALECTS

PARTS = ("one ", "two ", "three")
WHOLE: dict[str, Any] = {"chat/completions": ChatCompletion, "responses": Response, "messages": Message}
EVENTS: dict[str, Any] = {
    "chat/completions": ChatCompletionChunk,
    "responses": ResponseStreamEvent,
    "messages": RawMessageStreamEvent,
}


def events(frames: list[bytes]) -> list[Any]:
    data = [frame.decode().partition("data: ")[2].strip() for frame in frames]
    return [json.loads(text) for text in data if text != "[DONE]"]


@pytest.mark.parametrize("api", DIALECTS)
def test_a_whole_answer_is_as_the_api_promises(api: str) -> None:
    answer = DIALECTS[api].whole("m", PARTS)

    TypeAdapter(WHOLE[api]).validate_python(answer, strict=False)
    assert "one two three" in json.dumps(answer)


@pytest.mark.parametrize("api", DIALECTS)
def test_each_event_of_a_stream_is_as_the_api_promises(api: str) -> None:
    frames = list(DIALECTS[api].frames("m", PARTS))

    assert all(frame.endswith(b"\n\n") for frame in frames)
    for event in events(frames):
        TypeAdapter(EVENTS[api]).validate_python(event)


@pytest.mark.parametrize("api", DIALECTS)
def test_each_part_is_told_in_an_event_of_its_own(api: str) -> None:
    told = [part for frame in DIALECTS[api].frames("m", PARTS) for part in PARTS if json.dumps(part).encode() in frame]

    assert told == list(PARTS)


@pytest.mark.parametrize("api", DIALECTS)
def test_errors_say_what_kind_they_are(api: str) -> None:
    dialect = DIALECTS[api]

    assert dialect.failure("server_error", "it broke")["error"]["type"] == "server_error"
    assert b"it broke" in dialect.broken("server_error", "it broke")
