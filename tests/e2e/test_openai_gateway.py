"""OpenAI's own SDK, unchanged, against the gateway: the real processes, and a provider that records what it gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from operator import mul
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from tests.e2e.commands import PATIENCE, Cli
from tests.e2e.recording_provider import ENDLESS, RecordingProvider, recording_provider
from tests.e2e.test_gateway import get, ready

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: gateway
topics: {{partitions: 2}}
models:
  up: {{provider: openai, model: m, base_url: "{url}", api_key: k, attempts: 1, price: {{input: 1000, output: 0}}}}
  plain: {{provider: scripted, options: {{default: "This is the answer.", piece_delay: 0.05}}}}
panels:
  both: {{models: [up, plain], strategy: concat}}
ask: {{models: [plain], retrieve: false, stream: true}}
server: {{port: 0}}
workflows: [support-answer.yaml]
"""
_WORKFLOW = """\
id: support-answer
input:
  type: object
  required: [question]
  properties: {question: {type: string}, product: {type: string}}
  additionalProperties: false
steps:
  answer:
    kind: ask
    models: [up]
    prompt: "{{ input.product }}: {{ input.question }}"
"""
PHOTO = "data:image/png;base64,AAAA"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"unit": {"type": "string"}, "city": {"type": "string"}}},
    },
}
TURNS: list[Any] = [
    {"role": "system", "content": "Be brief.\n"},
    {"role": "user", "content": "How is it in {{ Bern }}?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"b":1,"a":2}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "${{ 21 }} °C"},
    {"role": "assistant", "content": "Warm."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "And here?"},
            {"type": "image_url", "image_url": {"url": PHOTO}},
        ],
    },
]


class Weather(BaseModel):
    temperature: int
    sky: str


@pytest.fixture(scope="module")
def provider() -> Iterator[RecordingProvider]:
    with recording_provider() as found:
        yield found


@pytest.fixture(scope="module")
def address(provider: RecordingProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "meta-ai.yaml").write_text(_CONFIG.format(url=provider.url), encoding="utf-8")
    (folder / "support-answer.yaml").write_text(_WORKFLOW, encoding="utf-8")
    cli = Cli(folder)
    with cli.hosted():
        yield json.loads((folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]


@pytest.fixture
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    await ready(address)
    async with openai.AsyncOpenAI(base_url=f"http://{address}/v1", api_key="unused", timeout=PATIENCE) as found:
        yield found


@pytest.fixture
async def direct(provider: RecordingProvider) -> AsyncIterator[openai.AsyncOpenAI]:
    """The SDK without the gateway between."""
    async with openai.AsyncOpenAI(base_url=provider.url, api_key="k") as found:
        yield found


def extension(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["meta_ai"]
    return found


CONVERSATIONS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "Hello"}]},
    {"messages": TURNS, "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["\n"], "max_tokens": 50},
    {"messages": TURNS[:2], "tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    {"messages": TURNS[:4], "tools": [WEATHER], "tool_choice": "none"},
    {"messages": TURNS[:2], "logprobs": True, "top_logprobs": 1, "reasoning_effort": "low"},
]


@pytest.mark.parametrize("given", CONVERSATIONS)
@pytest.mark.parametrize("stream", [False, True])
async def test_that_a_model_gets_what_the_sdk_sends_itself(
    client: openai.AsyncOpenAI,
    direct: openai.AsyncOpenAI,
    provider: RecordingProvider,
    given: dict[str, Any],
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    for sdk, model in ((direct, "m"), (client, "up")):
        answer: Any = await sdk.chat.completions.create(model=model, **given, **more)
        if stream:
            async for _ in answer:
                pass
    sent, passed_on = provider.bodies[-2:]
    assert passed_on == sent


async def test_that_an_answer_comes_back_whole(client: openai.AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hello"}]
    raw = await client.chat.completions.with_raw_response.create(
        model="up", messages=messages, logprobs=True, top_logprobs=1, max_tokens=3, metadata={"a": "b"}, user="me"
    )
    answer = raw.parse()
    assert isinstance(answer, ChatCompletion)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason, answer.model) == ("It is so.", "length", "up")
    assert choice.logprobs
    assert choice.logprobs.content
    assert (choice.logprobs.content[0].token, choice.logprobs.content[0].top_logprobs[0].logprob) == ("It", -0.5)
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 3, 14)
    more = extension(answer)
    assert (more["workflow"], more["cost"], more["degraded"], more["sources"]) == ("passthrough", 0.011, False, [])
    assert raw.headers["x-meta-ai-run-id"] == more["run_id"]
    assert (raw.headers["x-meta-ai-cost"], raw.headers["x-meta-ai-degraded"]) == ("0.011", "false")
    assert answer.id == f"chatcmpl-{more['run_id']}"


async def test_that_an_answer_is_streamed_as_it_is_made(client: openai.AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hello"}]
    stream = await client.chat.completions.create(
        model="up", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "It is so."
    assert len([text for text in texts if text]) > 1
    *_, last, usage = chunks
    assert last.choices[0].finish_reason == "stop"
    assert extension(last)["cost"] == 0.011
    assert usage.usage
    assert (usage.choices, usage.usage.total_tokens) == ([], 14)
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_that_tools_are_called_by_the_caller(client: openai.AsyncOpenAI, stream: bool) -> None:  # noqa: FBT001  # a parameter of the test
    messages: list[Any] = [{"role": "user", "content": "How is it in Bern?"}]
    tools: Any = [WEATHER]
    answer: ChatCompletion
    if stream:
        async with client.chat.completions.stream(model="up", messages=messages, tools=tools) as events:
            answer = await events.get_final_completion()
    else:
        answer = await client.chat.completions.create(model="up", messages=messages, tools=tools)
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", '{"city": "Bern"}')
    turn = choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    messages += [turn, {"role": "tool", "tool_call_id": call.id, "content": "21"}]
    answer = await client.chat.completions.create(model="up", messages=messages, tools=tools)
    assert answer.choices[0].message.content == "It is so."


async def test_that_structured_output_is_parsed(
    client: openai.AsyncOpenAI, direct: openai.AsyncOpenAI, provider: RecordingProvider
) -> None:
    messages: Any = [{"role": "user", "content": "How is it?"}]
    for sdk, model in ((direct, "m"), (client, "up")):
        answer = await sdk.chat.completions.parse(model=model, messages=messages, response_format=Weather)
        assert answer.choices[0].message.parsed == Weather(temperature=21, sky="blue")
    sent, passed_on = provider.bodies[-2:]
    assert passed_on | {"stream": False} == sent
    order = passed_on["response_format"]["json_schema"]["schema"]["properties"]
    assert list(order) == ["temperature", "sky"]


async def test_that_a_workflow_is_a_model(client: openai.AsyncOpenAI, provider: RecordingProvider) -> None:
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How long?"}]
    more = {"meta_ai": {"input": {"product": "Bike"}, "tenant": "acme"}}
    answer = await client.chat.completions.create(
        model="support-answer", messages=messages, temperature=0.1, extra_body=more
    )
    assert (answer.model, answer.choices[0].message.content) == ("support-answer", "It is so.")
    assert provider.bodies[-1]["messages"] == [{"role": "user", "content": "Bike: How long?"}]
    assert "temperature" not in provider.bodies[-1]
    assert extension(answer)["ignored"] == ["temperature"]
    stream = await client.chat.completions.create(model="ask", messages=messages, stream=True)
    texts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(texts) == "This is the answer."


async def test_that_the_router_chooses(client: openai.AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Hello"}]
    answer = await client.chat.completions.create(model="auto", messages=messages)
    assert answer.model == "up"
    listed = {model.id: model.owned_by async for model in client.models.list()}
    assert listed == {
        "ask": "workflow",
        "auto": "router",
        "both": "panel",
        "minilm": "embedder",
        "plain": "scripted",
        "support-answer": "workflow",
        "up": "openai",
    }
    assert (await client.models.retrieve("support-answer")).owned_by == "workflow"


@pytest.mark.parametrize("stream", [False, True])
async def test_that_a_panel_is_asked_and_fused(
    client: openai.AsyncOpenAI,
    provider: RecordingProvider,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer: Any = await client.chat.completions.create(model="up|plain", messages=TURNS, **more)
    if stream:
        *chunks, last, counted = [chunk async for chunk in answer]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        told, usage = extension(last), counted.usage
    else:
        text, told, usage = answer.choices[0].message.content, extension(answer), answer.usage
        assert answer.model == "up|plain"
    assert text in {"It is so.", "This is the answer."}
    assert {one["model"]: one["text"] for one in told["candidates"]} == {
        "up": "It is so.",
        "plain": "This is the answer.",
    }
    assert told["fusion"] == "consensus"
    assert (usage.prompt_tokens > 11, told["cost"]) == (True, 0.011)
    sent = provider.bodies[-1]
    assert [turn["role"] for turn in sent["messages"]] == [turn["role"] for turn in TURNS]
    assert sent["messages"][-1]["content"][1]["image_url"]["url"] == PHOTO


async def test_that_a_panel_calls_tools(client: openai.AsyncOpenAI, provider: RecordingProvider) -> None:
    asked: dict[str, Any] = {"messages": TURNS[:2], "tools": [WEATHER]}
    answer = await client.chat.completions.create(model="up|plain", **asked)
    (call,) = answer.choices[0].message.tool_calls or [None]
    assert call
    assert (call.type, provider.bodies[-1]["tools"][0]["function"]["name"]) == ("function", "weather")


async def test_that_a_configured_panel_answers_in_every_form(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(model="both", input="How is it?")
    assert "It is so." in answer.output_text
    assert "This is the answer." in answer.output_text
    more = {"meta_ai": {"fusion": {"strategy": "vote", "quorum": 2}}}
    answer = await client.responses.create(model="both", input="How is it?", extra_body=more)
    assert (answer.output_text, extension(answer)["fusion"]) == ("It is so.", "vote")


ITEMS: Any = [
    {"role": "user", "content": "How is it in Bern?"},
    {"type": "reasoning", "id": "r", "summary": []},
    {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
    {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "21"},
    {"type": "function_call_output", "call_id": "c2", "output": "22"},
    {"role": "assistant", "content": [{"type": "output_text", "text": "Warm.", "annotations": []}]},
    {"role": "user", "content": [{"type": "input_text", "text": "Here?"}, {"type": "input_image", "image_url": PHOTO}]},
]
FUNCTION: Any = {"type": "function", **WEATHER["function"], "strict": False}


@pytest.mark.parametrize("stream", [False, True])
async def test_that_responses_are_answered_too(
    client: openai.AsyncOpenAI,
    provider: RecordingProvider,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    asked: dict[str, Any] = {"model": "up", "input": ITEMS, "instructions": "Be brief.", "max_output_tokens": 50}
    answer: Any
    if stream:
        async with client.responses.stream(**asked) as events:
            kinds = [event.type async for event in events]
            answer = await events.get_final_response()
        assert kinds.count("response.output_text.delta") > 1
        assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    else:
        answer = await client.responses.create(**asked)
    assert (answer.output_text, answer.status, answer.usage.total_tokens) == ("It is so.", "completed", 14)
    assert extension(answer)["cost"] == 0.011
    sent = provider.bodies[-1]
    roles = [turn["role"] for turn in sent["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert [call["id"] for call in sent["messages"][2]["tool_calls"]] == ["c1", "c2"]
    assert sent["messages"][-1]["content"][1]["image_url"]["url"] == PHOTO
    assert sent["max_tokens"] == 50


@pytest.mark.parametrize("stream", [False, True])
async def test_that_responses_call_tools(client: openai.AsyncOpenAI, stream: bool) -> None:  # noqa: FBT001  # a parameter of the test
    asked: dict[str, Any] = {"model": "up", "tools": [FUNCTION], "input": "How is it in Bern?"}
    answer: Any
    if stream:
        async with client.responses.stream(**asked) as events:
            answer = await events.get_final_response()
    else:
        answer = await client.responses.create(**asked)
    (call,) = answer.output
    assert (call.type, call.call_id, call.name) == ("function_call", "call_1", "weather")
    assert call.arguments == '{"city": "Bern"}'
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "21"}
    given: Any = [{"role": "user", "content": "How is it in Bern?"}, call.model_dump(exclude_none=True), output]
    asked = {**asked, "input": given}
    assert (await client.responses.create(**asked)).output_text == "It is so."


async def test_that_responses_are_structured_and_workflows_are_their_models(
    client: openai.AsyncOpenAI, provider: RecordingProvider
) -> None:
    parsed = await client.responses.parse(model="up", input="How is it?", text_format=Weather)
    assert parsed.output_parsed == Weather(temperature=21, sky="blue")
    assert provider.bodies[-1]["response_format"]["json_schema"]["name"] == "Weather"
    more = {"meta_ai": {"input": {"product": "Bike"}}}
    answer = await client.responses.create(model="support-answer", input="How long?", extra_body=more)
    assert (answer.model, answer.output_text) == ("support-answer", "It is so.")
    assert provider.bodies[-1]["messages"] == [{"role": "user", "content": "Bike: How long?"}]
    with pytest.raises(openai.BadRequestError, match="previous_response_id is not supported"):
        await client.responses.create(model="up", input="And?", previous_response_id=answer.id)
    with pytest.raises(openai.BadRequestError):
        await client.responses.create(model="up", input="And?", tools=[{"type": "web_search"}])


async def test_that_texts_become_vectors(client: openai.AsyncOpenAI) -> None:
    texts = ["a bicycle", "a bike", "the constitution"]
    answer = await client.embeddings.create(model="minilm", input=texts)  # as base64, which the SDK asks for
    plain = await client.embeddings.create(model="minilm", input=texts, encoding_format="float")
    vectors = [one.embedding for one in answer.data]
    assert [one.embedding for one in plain.data] == [pytest.approx(vector) for vector in vectors]
    bicycle, bike, constitution = vectors
    assert sum(map(mul, bicycle, bike)) > sum(map(mul, bicycle, constitution))
    alone = await client.embeddings.create(model="minilm", input="a bike")
    assert alone.data[0].embedding == pytest.approx(bike, abs=1e-4)
    with pytest.raises(openai.NotFoundError, match="the one here is minilm"):
        await client.embeddings.create(model="other", input="a")
    with pytest.raises(openai.BadRequestError):
        await client.embeddings.create(model="minilm", input="a", dimensions=5)


async def test_that_a_client_that_goes_away_ends_its_run(
    client: openai.AsyncOpenAI, provider: RecordingProvider, address: str
) -> None:
    messages: Any = [{"role": "user", "content": ENDLESS}]
    stream = await client.chat.completions.create(model="up", messages=messages, stream=True)
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    await stream.close()
    run = chunk.id.removeprefix("chatcmpl-")
    status, result = await get(address, f"/v1/results/{run}", Prefer="wait=30")
    assert (status, result["status"]) == (200, "cancelled")
    assert await asyncio.to_thread(provider.left.wait, PATIENCE)  # nothing more is paid for
    provider.stop.set()


WRONG_INPUT = {"meta_ai": {"input": {"x": 1}}}


@pytest.mark.parametrize(
    ("given", "error", "code", "param"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", None),
        ({"n": 2}, openai.BadRequestError, "unsupported_parameter", "n"),
        ({"extra_body": {"new": 1}}, openai.BadRequestError, "unsupported_parameter", "new"),
        (
            {"messages": [{"role": "x", "content": ""}]},
            openai.BadRequestError,
            "invalid_request",
            "messages.0.role",
        ),
        ({"temperature": 7}, openai.BadRequestError, "invalid_request", "temperature"),
        (
            {"model": "support-answer", "extra_body": WRONG_INPUT},
            openai.BadRequestError,
            "invalid_input",
            None,
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_that_errors_are_those_of_the_sdk(
    client: openai.AsyncOpenAI,
    given: dict[str, Any],
    error: type[openai.APIStatusError],
    code: str,
    param: str | None,
    stream: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    usual: dict[str, Any] = {"model": "up", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    with pytest.raises(error) as caught:
        await client.chat.completions.create(**{**usual, **given})
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.request_id
