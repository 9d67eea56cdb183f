from __future__ import annotations

from typing import Any

import pytest

from app.models.base import Prompt
from app.models.openai.chat import Chat
from topics.model_requests import Image, Message, Sampling, Tool, ToolCall

USER = Message(role="user", content="Hello?")
TOOL = Tool(name="weather", description="How it is.", parameters={"type": "object", "properties": {}})
CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def body(prompt: Prompt, dialect: Chat | None = None) -> dict[str, Any]:
    return (dialect or Chat()).body("m", prompt, prompt.sampling)


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert body(Prompt((USER,))) == {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


def test_sampling_is_sent_under_its_names() -> None:
    sampling = Sampling(
        max_tokens=4, temperature=0.0, top_p=0.5, seed=0, stop=("END",), reasoning_effort="low", logprobs=2
    )

    sent = body(Prompt((), sampling), Chat(max_tokens="max_completion_tokens", seed="random_seed"))

    assert sent == {
        "model": "m",
        "messages": [],
        "max_completion_tokens": 4,
        "temperature": 0.0,
        "top_p": 0.5,
        "random_seed": 0,
        "stop": ("END",),
        "reasoning_effort": "low",
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_logprobs_without_alternatives() -> None:
    sent = body(Prompt((), Sampling(logprobs=0)))

    assert sent["logprobs"] is True
    assert "top_logprobs" not in sent


def test_images_are_parts_of_a_message() -> None:
    images = (Image(url="https://example.com/a.png"), Image(url="data:image/png;base64,AAAA"))
    first, second = body(
        Prompt(
            (
                Message(role="user", content="What is it?", images=images),
                Message(role="user", content="", images=images[:1]),
            )
        )
    )["messages"]

    assert first["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    assert [part["type"] for part in second["content"]] == ["image_url"]


def test_a_conversation_with_calls_of_tools() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"place": "Rome"}')
    sent = body(
        Prompt(
            (
                USER,
                Message(role="assistant", content="", tool_calls=(call,)),
                Message(role="tool", content="Sunny.", tool_call_id="c1"),
            ),
            tools=(TOOL,),
        )
    )

    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Rome"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny."},
    ]
    assert sent["tools"] == [{"type": "function", "function": TOOL.model_dump()}]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_how_tools_are_chosen(choice: str, sent: object) -> None:
    assert body(Prompt((USER,), tools=(TOOL,), tool_choice=choice)).get("tool_choice") == sent


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), ({"type": "object"}, False)])
def test_a_schema_is_sent_as_it_is_and_strict_if_it_can_be(schema: dict[str, Any], strict: bool) -> None:  # noqa: FBT001  # a parameter of a test
    assert body(Prompt((USER,), schema=schema))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


def test_a_schema_of_no_object_is_left_to_the_words_of_the_prompt() -> None:
    assert "response_format" not in body(Prompt((USER,), schema={"type": "array"}))


def test_a_stream_counts_its_tokens() -> None:
    assert Chat().streamed({"model": "m"}) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert Chat(usage_option=False).streamed({"model": "m"}) == {"model": "m", "stream": True}
