from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.gateway.openai.chat_request import ChatRequest

USER = {"role": "user", "content": "Why?"}


def request(**fields: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "m", "messages": [USER], **fields})


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        (USER, USER),
        ({"role": "developer", "content": "Be brief."}, {"role": "system", "content": "Be brief."}),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {**USER, "content": "a\nb"},
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]},
            {**USER, "content": "", "images": [{"url": "https://x.example/a.png"}]},
        ),
        (
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                "tool_calls": [
                    {"id": "c", "index": 0, "type": "function", "function": {"name": "f", "arguments": "{ }"}}
                ],
            },
            {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "name": "f", "arguments": "{ }"}]},
        ),
        ({"role": "tool", "tool_call_id": "c", "content": "1"}, {"role": "tool", "content": "1", "tool_call_id": "c"}),
    ],
)
def test_how_a_turn_is_passed_on(given: dict[str, Any], passed_on: dict[str, Any]) -> None:
    assert request(messages=[given]).conversation() == [passed_on]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "user", "content": "a", "name": "me"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://x.example", "detail": "high"}}],
        },
        {"role": "assistant", "content": "", "function_call": {}},
        {"role": "function", "content": ""},
    ],
)
def test_that_what_a_turn_cannot_pass_on_is_refused(turn: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(messages=[turn])


@pytest.mark.parametrize(
    ("fields", "decided"),
    [
        ({}, {"stream": False}),
        ({"max_completion_tokens": 5, "max_tokens": 9}, {"stream": False, "sampling": {"max_tokens": 5}}),
        ({"stop": "x", "stream": True}, {"stream": True, "sampling": {"stop": ["x"]}}),
        ({"logprobs": True}, {"stream": False, "sampling": {"logprobs": 0}}),
        ({"response_format": {"type": "text"}}, {"stream": False}),
        ({"response_format": {"type": "json_object"}}, {"stream": False, "schema": {"type": "object"}}),
    ],
)
def test_what_a_request_decides(fields: dict[str, Any], decided: dict[str, Any]) -> None:
    assert request(**fields).overrides() == decided


@pytest.mark.parametrize(
    ("fields", "unsupported"),
    [
        ({"n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "user": "u", "store": True, "audio": None}, []),
        ({"n": 2}, ["n"]),
        ({"presence_penalty": 0.5, "parallel_tool_calls": False}, ["parallel_tool_calls", "presence_penalty"]),
        ({"something": {"new": 1}}, ["something"]),
    ],
)
def test_that_nothing_is_left_out_in_silence(fields: dict[str, Any], unsupported: list[str]) -> None:
    assert sorted(request(**fields).unsupported()) == unsupported


def test_that_a_workflow_is_told_what_was_said_last() -> None:
    asked = request(messages=[USER, {"role": "assistant", "content": "So."}], temperature=1, user="u", stream=True)
    assert asked.question() == "Why?"
    assert asked.decided() == ["temperature"]


@pytest.mark.parametrize("url", ["", "picture.png", "ftp://h/a", "data:text/plain;base64,YQ=="])
def test_that_what_is_no_image_is_refused(url: str) -> None:
    image = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({"model": "m", "messages": [{"role": "user", "content": [image]}]})
