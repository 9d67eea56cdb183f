from __future__ import annotations

from typing import Any

import pytest

from app.models.base import Prompt
from app.models.openai.responses import Responses
from topics.model_requests import Image, Message, Sampling, Tool, ToolCall

USER = Message(role="user", content="Hello?")
CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
TOOL = Tool(name="weather", parameters=CLOSED)


def body(prompt: Prompt) -> dict[str, Any]:
    return Responses().body("m", prompt, prompt.sampling)


def test_nothing_is_stored_at_the_provider() -> None:
    assert body(Prompt((USER,))) == {"model": "m", "input": [{"role": "user", "content": "Hello?"}], "store": False}


def test_sampling_is_sent_under_its_names() -> None:
    sampling = Sampling(max_tokens=40, temperature=0.0, top_p=0.5, reasoning_effort="high", logprobs=3)

    sent = body(Prompt((), sampling))

    assert {name: sent[name] for name in sent.keys() - {"model", "input", "store"}} == {
        "max_output_tokens": 40,
        "temperature": 0.0,
        "top_p": 0.5,
        "reasoning": {"effort": "high"},
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 3,
    }


def test_what_the_wire_has_no_words_for_is_said() -> None:
    assert Responses.lacking == {"seed", "stop"}


def test_a_conversation_is_a_list_of_items() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"place": "Rome"}')
    sent = body(
        Prompt(
            (
                Message(role="system", content="Be brief."),
                Message(role="user", content="What is it?", images=(Image(url="data:image/png;base64,AAAA"),)),
                Message(role="assistant", content="I look.", tool_calls=(call,)),
                Message(role="tool", content="Sunny.", tool_call_id="c1"),
                Message(role="assistant", content="", tool_calls=(call,)),
                Message(role="assistant", content=""),
            )
        )
    )

    asked = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"place": "Rome"}'}
    assert sent["input"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
            ],
        },
        {"role": "assistant", "content": "I look."},
        asked,
        {"type": "function_call_output", "call_id": "c1", "output": "Sunny."},
        asked,
        {"role": "assistant", "content": ""},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("auto", None), ("none", "none"), ("required", "required"), ("weather", {"type": "function", "name": "weather"})],
)
def test_tools_and_how_they_are_chosen(choice: str, sent: object) -> None:
    made = body(Prompt((USER,), tools=(TOOL,), tool_choice=choice))

    assert made["tools"] == [
        {"type": "function", "strict": True, "name": "weather", "description": "", "parameters": CLOSED}
    ]
    assert made.get("tool_choice") == sent


def test_a_tool_that_cannot_be_strict_is_not() -> None:
    assert body(Prompt((USER,), tools=(Tool(name="open"),)))["tools"][0]["strict"] is False


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), ({"type": "object"}, False)])
def test_a_schema_is_sent_as_it_is_and_strict_if_it_can_be(schema: dict[str, Any], strict: bool) -> None:  # noqa: FBT001  # a parameter of a test
    form = {"type": "json_schema", "name": "answer", "schema": schema, "strict": strict}

    assert body(Prompt((USER,), schema=schema))["text"] == {"format": form}
    assert "text" not in body(Prompt((USER,), schema={"type": "array"}))


def test_a_stream_is_the_same_request() -> None:
    assert Responses().streamed({"model": "m"}) == {"model": "m", "stream": True}
