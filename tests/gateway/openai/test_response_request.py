from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.gateway.openai.response_request import ResponseRequest

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
CALLED = {"id": "c", "name": "f", "arguments": "{}"}


def request(**fields: Any) -> ResponseRequest:
    return ResponseRequest.model_validate({"model": "m", "input": "Why?", **fields})


@pytest.mark.parametrize(
    ("items", "turns"),
    [
        ("Why?", [{"role": "user", "content": "Why?"}]),
        ([{"role": "developer", "content": "D"}], [{"role": "system", "content": "D"}]),
        ([CALL, CALL], [{"role": "assistant", "content": "", "tool_calls": [CALLED, CALLED]}]),
        (
            [{"role": "assistant", "content": "A"}, {"type": "reasoning", "summary": []}, CALL],
            [{"role": "assistant", "content": "A", "tool_calls": [CALLED]}],
        ),
        (
            [{"role": "assistant", "content": "A"}, {"role": "assistant", "content": "B"}],
            [{"role": "assistant", "content": "A"}, {"role": "assistant", "content": "B"}],
        ),
        (
            [CALL, {"type": "function_call_output", "call_id": "c", "output": "1"}, CALL],
            [
                {"role": "assistant", "content": "", "tool_calls": [CALLED]},
                {"role": "tool", "content": "1", "tool_call_id": "c"},
                {"role": "assistant", "content": "", "tool_calls": [CALLED]},
            ],
        ),
    ],
)
def test_how_items_become_turns(items: Any, turns: list[dict[str, Any]]) -> None:
    assert request(input=items).conversation() == turns


def test_that_instructions_come_first() -> None:
    assert request(instructions="I").conversation()[0] == {"role": "system", "content": "I"}


@pytest.mark.parametrize(
    ("fields", "decided"),
    [
        ({}, {"stream": False}),
        (
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"stream": False, "sampling": {"reasoning_effort": "low"}},
        ),
        ({"text": {"format": {"type": "json_object"}}}, {"stream": False, "schema": {"type": "object"}}),
        ({"text": {"format": {"type": "text"}, "verbosity": None}, "top_p": None}, {"stream": False}),
    ],
)
def test_what_a_request_decides(fields: dict[str, Any], decided: dict[str, Any]) -> None:
    assert request(**fields).overrides() == decided


@pytest.mark.parametrize(
    ("fields", "unsupported"),
    [
        ({"store": True, "background": False, "include": [], "truncation": "disabled", "max_tool_calls": None}, []),
        ({"previous_response_id": "r"}, ["previous_response_id"]),
        ({"background": True, "conversation": "c"}, ["background", "conversation"]),
    ],
)
def test_that_nothing_is_left_out_in_silence(fields: dict[str, Any], unsupported: list[str]) -> None:
    assert sorted(request(**fields).unsupported()) == unsupported


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "web_search"}]},
        {"input": [{"type": "item_reference", "id": "i"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        {"input": []},
    ],
)
def test_that_what_a_model_cannot_be_given_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**fields)


def test_that_a_workflow_is_told_what_was_said_last() -> None:
    asked = request(instructions="I", temperature=1.0, store=True)
    assert asked.question() == "Why?"
    assert asked.decided() == ["instructions", "temperature"]
