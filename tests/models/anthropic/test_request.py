from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import MessageParam
from pydantic import TypeAdapter

from app.errors import InvalidRequest
from app.models.anthropic.request import request_body
from app.models.base import Prompt
from topics.model_requests import Image, Message, Sampling, Tool, ToolCall

USER = Message(role="user", content="Hello?")
WEATHER = Tool(
    name="weather",
    description="The weather of a place.",
    parameters={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)


def of(*turns: Message, **sampling: object) -> dict[str, object]:
    return request_body(Prompt(turns or (USER,)), Sampling.model_validate(sampling))


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert of() == {"max_tokens": 1024, "messages": [{"role": "user", "content": "Hello?"}]}


def test_what_the_system_says_is_a_field_of_its_own() -> None:
    sent = of(Message(role="system", content="Be brief."), USER, Message(role="system", content="Be kind."))

    assert sent["system"] == "Be brief.\n\nBe kind."
    assert sent["messages"] == [{"role": "user", "content": "Hello?"}]


@pytest.mark.parametrize(
    ("sampling", "fields"),
    [
        ({"temperature": 1.0, "top_p": 0.5}, {"temperature": 1.0, "top_p": 0.5, "max_tokens": 1024}),
        ({"temperature": 0.0}, {"temperature": 0.0, "max_tokens": 1024}),
        ({"stop": ("END",), "max_tokens": 7}, {"stop_sequences": ["END"], "max_tokens": 7}),
        ({"seed": 3, "logprobs": 2}, {"max_tokens": 1024}),
    ],
)
def test_how_it_samples(sampling: dict[str, object], fields: dict[str, object]) -> None:
    sent = of(**sampling)

    assert {name: value for name, value in sent.items() if name != "messages"} == fields


def test_too_high_a_temperature_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"temperature 1\.5 is more than 1"):
        of(temperature=1.5)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("minimal", "low"), ("low", "low"), ("medium", "medium"), ("high", "high")]
)
def test_effort_is_an_effort_to_think_and_has_room_to(ours: str, theirs: str) -> None:
    sent = of(reasoning_effort=ours)

    assert sent["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert sent["output_config"] == {"effort": theirs}
    assert sent["max_tokens"] == 16_384
    assert of(reasoning_effort=ours, max_tokens=50)["max_tokens"] == 50


def test_an_image_goes_before_the_text_as_an_address_or_as_itself() -> None:
    images = (Image(url="https://example.com/a.png"), Image(url="data:image/png;base64,aGVsbG8="))

    sent = of(Message(role="user", content="What is it?", images=images))

    assert sent["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}},
                {"type": "text", "text": "What is it?"},
            ],
        }
    ]


def test_tools_are_described() -> None:
    sent = request_body(Prompt((USER,), tools=(WEATHER, Tool(name="now"))), Sampling())

    assert sent["tools"] == [
        {"name": "weather", "description": "The weather of a place.", "input_schema": WEATHER.parameters},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert sent["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("weather", {"type": "tool", "name": "weather"}),
    ],
)
def test_which_tool_is_to_be_called(ours: str, theirs: dict[str, str]) -> None:
    assert request_body(Prompt((USER,), tools=(WEATHER,), tool_choice=ours), Sampling())["tool_choice"] == theirs


def test_the_results_of_one_turn_of_calls_are_one_turn() -> None:
    calls = (
        ToolCall(id="t1", name="weather", arguments='{"place": "Oslo"}'),
        ToolCall(id="t2", name="now"),
    )
    sent = of(
        USER,
        Message(role="assistant", content="", tool_calls=calls),
        Message(role="tool", content="rain", tool_call_id="t1"),
        Message(role="tool", content="noon", tool_call_id="t2"),
        Message(role="user", content="And?"),
    )

    assert sent["messages"] == [
        {"role": "user", "content": "Hello?"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"place": "Oslo"}},
                {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "noon"},
            ],
        },
        {"role": "user", "content": "And?"},
    ]


@pytest.mark.parametrize("written", ['{"place": ', "[1]", "Oslo"])
def test_arguments_that_are_no_object_are_shown_to_the_model_as_it_wrote_them(written: str) -> None:
    call = ToolCall(id="t1", name="weather", arguments=written)

    sent = of(Message(role="assistant", content="Hm.", tool_calls=(call,)))

    assert sent["messages"] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Hm."},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"INVALID_JSON": written}},
            ],
        }
    ]


def test_a_schema_is_the_form_of_the_output_beside_an_effort() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": False}

    sent = request_body(Prompt((USER,), schema=schema), Sampling(reasoning_effort="low"))

    assert sent["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}


def test_a_schema_that_the_api_does_not_know_is_left_to_the_words() -> None:
    assert "output_config" not in request_body(Prompt((USER,), schema={"type": "object"}), Sampling())


def test_the_turns_are_what_the_sdk_calls_turns() -> None:
    turns = (
        Message(role="user", content="What?", images=(Image(url="data:image/png;base64,aGVsbG8="),)),
        Message(role="assistant", content="Wait.", tool_calls=(ToolCall(id="t1", name="now"),)),
        Message(role="tool", content="noon", tool_call_id="t1"),
    )

    sent = TypeAdapter(list[MessageParam]).validate_python(of(*turns)["messages"])

    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
