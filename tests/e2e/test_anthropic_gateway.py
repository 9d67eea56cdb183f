"""Anthropic's own SDK, unchanged, against the gateway: the real processes, and a provider that records what it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest

from tests.e2e.commands import PATIENCE
from tests.e2e.recording_provider import ENDLESS, RecordingProvider
from tests.e2e.test_gateway import get, ready
from tests.e2e.test_openai_gateway import WRONG_INPUT, address, provider

pytestmark = pytest.mark.slow
__all__ = ["address", "provider"]  # fixtures

TOOL: Any = {
    "name": "weather",
    "description": "The weather.",
    "input_schema": {"type": "object", "properties": {"unit": {"type": "string"}, "city": {"type": "string"}}},
}
ASKED: dict[str, Any] = {"model": "up", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
async def client(address: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    await ready(address)
    async with anthropic.AsyncAnthropic(base_url=f"http://{address}", api_key="unused", timeout=PATIENCE) as found:
        yield found


def extension(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["meta_ai"]
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_that_a_conversation_is_passed_on(
    client: anthropic.AsyncAnthropic,
    provider: RecordingProvider,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    turns: Any = [
        {"role": "user", "content": "How is it in Bern?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "c2", "name": "weather", "input": {"city": "Thun"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "21"},
                {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "22"}]},
                {"type": "text", "text": "And here?", "cache_control": {"type": "ephemeral"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            ],
        },
    ]
    asked: dict[str, Any] = {**ASKED, "messages": turns, "system": [{"type": "text", "text": "Be brief."}]}
    asked |= {"extra_body": {"temperature": 0.5}, "stop_sequences": ["\n"], "metadata": {"user_id": "me"}}
    if stream:
        async with client.messages.stream(**asked) as events:
            texts = [text async for text in events.text_stream]
            answer = await events.get_final_message()
        assert len(texts) > 1
    else:
        answer = await client.messages.create(**asked)
        assert extension(answer)["cost"] == 0.011
    (block,) = answer.content
    assert block.type == "text"
    assert (block.text, answer.stop_reason) == ("It is so.", "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 3)
    sent = provider.bodies[-1]
    assert (sent["max_tokens"], sent["temperature"], sent["stop"]) == (50, 0.5, ["\n"])
    assert [turn["role"] for turn in sent["messages"]] == ["system", "user", "assistant", "tool", "tool", "user"]
    _, _, called, first, second, last = sent["messages"]
    assert called["content"] == "Let me see."
    assert [call["function"]["arguments"] for call in called["tool_calls"]] == ['{"city": "Bern"}', '{"city": "Thun"}']
    assert [(turn["tool_call_id"], turn["content"]) for turn in (first, second)] == [("c1", "21"), ("c2", "22")]
    assert last["content"][1]["image_url"]["url"] == "data:image/png;base64,AAAA"


@pytest.mark.parametrize("stream", [False, True])
async def test_that_tools_are_called_by_the_caller(
    client: anthropic.AsyncAnthropic,
    provider: RecordingProvider,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    asked: dict[str, Any] = {**ASKED, "tools": [TOOL], "tool_choice": {"type": "tool", "name": "weather"}}
    if stream:
        async with client.messages.stream(**asked) as events:
            answer = await events.get_final_message()
    else:
        answer = await client.messages.create(**asked)
    (block,) = answer.content
    assert block.type == "tool_use"
    assert (block.id, block.name, block.input, answer.stop_reason) == (
        "call_1",
        "weather",
        {"city": "Bern"},
        "tool_use",
    )
    sent = provider.bodies[-1]
    assert list(sent["tools"][0]["function"]["parameters"]["properties"]) == ["unit", "city"]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


async def test_that_tokens_are_counted_before_they_are_sent(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(
        model="up", messages=[{"role": "user", "content": "How are you?"}], system="Be brief.", tools=[TOOL]
    )
    assert counted.input_tokens > 5
    assert extension(counted) == {"estimated": True}


@pytest.mark.parametrize("stream", [False, True])
async def test_that_a_panel_is_asked_and_fused(client: anthropic.AsyncAnthropic, stream: bool) -> None:  # noqa: FBT001  # a parameter of the test
    if stream:
        async with client.messages.stream(**{**ASKED, "model": "both"}) as events:
            answer = await events.get_final_message()
    else:
        answer = await client.messages.create(**{**ASKED, "model": "both"})
    (block,) = answer.content
    assert block.type == "text"
    assert "It is so." in block.text
    assert "This is the answer." in block.text


async def test_that_a_workflow_is_a_model(client: anthropic.AsyncAnthropic, provider: RecordingProvider) -> None:
    more = {"meta_ai": {"input": {"product": "Bike"}}, "temperature": 1.0}
    answer = await client.messages.create(**{**ASKED, "model": "support-answer"}, extra_body=more)
    assert answer.model == "support-answer"
    assert provider.bodies[-1]["messages"] == [{"role": "user", "content": "Bike: Hello"}]
    assert extension(answer)["ignored"] == ["temperature"]


@pytest.mark.parametrize(
    ("given", "error", "kind", "said"),
    [
        ({"model": "claude-9"}, anthropic.NotFoundError, "not_found_error", "model_not_found: there is no model"),
        (
            {"extra_body": {"top_k": 3}},
            anthropic.BadRequestError,
            "invalid_request_error",
            "unsupported_parameter: top_k",
        ),
        ({"max_tokens": 0}, anthropic.BadRequestError, "invalid_request_error", "invalid_request: body.max_tokens"),
        (
            {"model": "support-answer", "extra_body": WRONG_INPUT},
            anthropic.BadRequestError,
            "invalid_request_error",
            "invalid_input: ",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_that_errors_are_those_of_the_sdk(
    client: anthropic.AsyncAnthropic,
    given: dict[str, Any],
    error: type[anthropic.APIStatusError],
    kind: str,
    said: str,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    with pytest.raises(error) as caught:
        await client.messages.create(**{**ASKED, **given, "stream": stream})
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["error"]["message"].startswith(said)


async def test_that_a_client_that_goes_away_ends_its_run(
    client: anthropic.AsyncAnthropic, provider: RecordingProvider, address: str
) -> None:
    async with client.messages.stream(**{**ASKED, "messages": [{"role": "user", "content": ENDLESS}]}) as events:
        async for _ in events.text_stream:
            break
        run = events.current_message_snapshot.id.removeprefix("msg_")
    status, result = await get(address, f"/v1/results/{run}", Prefer="wait=30")
    assert (status, result["status"]) == (200, "cancelled")
    provider.stop.set()
