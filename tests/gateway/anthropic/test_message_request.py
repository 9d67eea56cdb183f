from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.gateway.anthropic.message_request import MessageRequest

USER = {"role": "user", "content": "Why?"}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "1", "is_error": True}
USE = {"type": "tool_use", "id": "c", "name": "f", "input": {"z": 1, "a": "ü"}}


def request(**fields: Any) -> MessageRequest:
    return MessageRequest.model_validate({"model": "m", "max_tokens": 5, "messages": [USER], **fields})


@pytest.mark.parametrize(
    ("given", "turns"),
    [
        (USER, [USER]),
        (
            {**USER, "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            [{**USER, "content": "a\nb"}],
        ),
        (
            {**USER, "content": [{"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}]},
            [{**USER, "content": "", "images": [{"url": "https://x.example/a.png"}]}],
        ),
        ({**USER, "content": [RESULT]}, [{"role": "tool", "content": "1", "tool_call_id": "c"}]),
        (
            {**USER, "content": [{"type": "text", "text": "a"}, RESULT]},
            [{"role": "tool", "content": "1", "tool_call_id": "c"}, {**USER, "content": "a"}],
        ),
        (
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm", "signature": "s"}, USE]},
            [
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "c", "name": "f", "arguments": '{"z": 1, "a": "ü"}'}],
                }
            ],
        ),
    ],
)
def test_how_a_turn_is_passed_on(given: dict[str, Any], turns: list[dict[str, Any]]) -> None:
    assert request(messages=[given]).conversation() == turns


@pytest.mark.parametrize(
    ("fields", "decided"),
    [
        ({}, {}),
        (
            {"tools": [{"name": "f", "input_schema": {"x": 1}}]},
            {"tools": [{"name": "f", "parameters": {"x": 1}}], "tool_choice": "auto"},
        ),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"x": 1}}}}, {"schema": {"x": 1}}),
    ],
)
def test_what_a_request_decides(fields: dict[str, Any], decided: dict[str, Any]) -> None:
    assert request(**fields).overrides() == {"stream": False, "sampling": {"max_tokens": 5}} | decided


@pytest.mark.parametrize(
    ("choice", "passed_on"),
    [({"type": "any"}, "required"), ({"type": "none"}, "none"), ({"type": "tool", "name": "f"}, "f")],
)
def test_how_the_choice_of_tools_is_passed_on(choice: dict[str, Any], passed_on: str) -> None:
    asked = request(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice)
    assert asked.overrides()["tool_choice"] == passed_on


@pytest.mark.parametrize(
    ("fields", "unsupported"),
    [
        ({"thinking": {"type": "adaptive"}, "service_tier": "auto", "mcp_servers": [], "container": None}, []),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["thinking"]),
        ({"top_k": 3}, ["top_k"]),
    ],
)
def test_that_nothing_is_left_out_in_silence(fields: dict[str, Any], unsupported: list[str]) -> None:
    assert sorted(request(**fields).unsupported()) == unsupported


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"messages": [{**USER, "content": [{"type": "document", "source": {}}]}]},
        {"messages": [{"role": "system", "content": "S"}]},
        {"messages": []},
    ],
)
def test_that_what_a_model_cannot_be_given_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**fields)


def test_that_a_workflow_is_told_what_was_said_last() -> None:
    asked = request(messages=[USER, {**USER, "content": [RESULT]}], system="S", metadata={"user_id": "u"})
    assert asked.question() == "Why?"
    assert (asked.decided(), asked.about()) == (["system"], {"user_id": "u"})


@pytest.mark.parametrize("source", [{"type": "url", "url": "a.png"}, {"type": "base64", "data": "YQ=="}])
def test_that_what_is_no_image_is_refused(source: dict[str, str]) -> None:
    turn = {"role": "user", "content": [{"type": "image", "source": source}]}
    with pytest.raises(ValidationError, match="must be an image in base64"):
        MessageRequest.model_validate({"model": "m", "max_tokens": 1, "messages": [turn]})


def test_that_a_tool_has_a_name_that_models_take() -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "?"}]}
    with pytest.raises(ValidationError, match="tools"):
        MessageRequest.model_validate({**body, "tools": [{"name": "a b", "input_schema": {}}]})
