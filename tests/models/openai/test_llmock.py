"""Both dialects against a server that plays OpenAI, with its faults."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from app.errors import InvalidRequest, ModelError, RateLimited, Unavailable
from app.models.base import Completion, Delta, Prompt
from app.models.openai.adapter import OpenAI
from app.settings import ModelSettings
from topics.model_requests import Message, Tool

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock

PROMPT = Prompt((Message(role="user", content="Why is the sky blue?"),))
TOOL = Tool(
    name="get_weather",
    parameters={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)


@pytest_asyncio.fixture(params=["chat", "responses"])
async def model(request: pytest.FixtureRequest, llmock: LLMock) -> AsyncIterator[OpenAI]:
    settings = ModelSettings.model_validate(
        {
            "provider": "openai",
            "model": "gpt-x",
            "base_url": llmock.base_url("openai"),
            "api_key": "sk-planted-1",
            "options": {"dialect": request.param},
        }
    )
    subject = OpenAI.from_settings("m", settings)
    yield subject
    await subject.close()


async def streamed(model: OpenAI, prompt: Prompt = PROMPT) -> tuple[list[Delta], Completion]:
    pieces = [piece async for piece in model.stream(prompt, timeout=10)]
    last = pieces.pop()
    assert isinstance(last, Completion)
    return [piece for piece in pieces if isinstance(piece, Delta)], last


async def test_an_answer_whole_and_in_pieces(model: OpenAI, llmock: LLMock) -> None:
    llmock.reply("It scatters the blue light most.", times=2)

    whole = await model.complete(PROMPT, timeout=10)
    deltas, last = await streamed(model)

    assert whole.text == last.text == "".join(delta.text for delta in deltas) == "It scatters the blue light most."
    assert len(deltas) > 1
    assert whole.usage == last.usage
    assert whole.usage.output_tokens > 0


async def test_a_call_of_a_tool_and_its_result(model: OpenAI, llmock: LLMock) -> None:
    llmock.call_tool("get_weather", {"place": "Rome"}, times=2)
    prompt = Prompt(PROMPT.messages, tools=(TOOL,))

    whole = await model.complete(prompt, timeout=10)
    _, last = await streamed(model, prompt)

    for completion in (whole, last):
        assert completion.finish_reason == "tool_calls"
        assert [(call.name, json.loads(call.arguments)) for call in completion.tool_calls] == [
            ("get_weather", {"place": "Rome"})
        ]
    llmock.reply("It is sunny.")
    call = last.tool_calls[0]
    turns = (
        *PROMPT.messages,
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="Sunny.", tool_call_id=call.id),
    )
    assert (await model.complete(Prompt(turns, tools=(TOOL,)), timeout=10)).text == "It is sunny."


@pytest.mark.parametrize("fault", ["disconnect", "truncate", "corrupt"])
async def test_a_stream_that_goes_wrong_is_unavailable(fault: str, model: OpenAI, llmock: LLMock) -> None:
    getattr(llmock, fault)(after_chunks=2)

    with pytest.raises(Unavailable):
        await streamed(model)

    assert (await streamed(model))[1].text


async def test_what_is_left_of_the_limits_is_told(model: OpenAI, llmock: LLMock) -> None:
    llmock.limits(rpm=5)

    completion = await model.complete(PROMPT, timeout=10)

    assert completion.allowance is not None
    assert completion.allowance.requests == 4


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (400, InvalidRequest), (500, Unavailable)])
async def test_a_refused_stream_has_its_error(
    status: int, kind: type[ModelError], model: OpenAI, llmock: LLMock
) -> None:
    llmock.fail(status)

    with pytest.raises(ModelError) as raised:
        await streamed(model)

    assert type(raised.value) is kind
    assert raised.value.status == status
