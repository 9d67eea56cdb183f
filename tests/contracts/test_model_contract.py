"""What every model component promises, whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from app.errors import ModelError, ModelTimeout
from app.models.base import Completion, Model, Prompt
from app.models.registry import build
from app.settings import ModelSettings
from topics.model_requests import Message, Sampling

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock

KEY = "sk-planted-secret"


@dataclass
class Subject:
    """A component, and how to make it slow for its next call."""

    model: Model
    slow: Callable[[], object]


def hosted(provider: str, llmock: LLMock) -> Subject:
    given = {"provider": provider, "model": "m", "base_url": llmock.base_url(provider), "api_key": KEY}
    return Subject(build("m", ModelSettings.model_validate(given)), lambda: llmock.delay(1))


def scripted() -> Subject:
    # Every call is slower than the shortest time that a test below allows.
    model = build("m", ModelSettings(provider="scripted", options={"delay": 0.2}))
    return Subject(model, lambda: None)


def local() -> Subject:
    pytest.importorskip("xllamacpp")
    settings = ModelSettings(provider="local", sampling={"max_tokens": 40}, options={"context": 1024})
    return Subject(build("m", settings), lambda: None)


@pytest_asyncio.fixture(params=["scripted", "openai", "anthropic", pytest.param("local", marks=pytest.mark.slow)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param in {"openai", "anthropic"}:
        made = hosted(request.param, request.getfixturevalue("llmock"))
    else:
        made = {"scripted": scripted, "local": local}[request.param]()
    yield made
    await made.model.close()


def ask(text: str = "Why is the sky blue?", **sampling: object) -> Prompt:
    turns = (Message(role="system", content="Answer briefly."), Message(role="user", content=text))
    return Prompt(turns, Sampling.model_validate(sampling))


async def answer(subject: Subject, prompt: Prompt | None = None) -> Completion:
    return await subject.model.complete(prompt or ask(), timeout=60)


async def test_it_answers_with_text_and_a_known_reason_to_finish(subject: Subject) -> None:
    completion = await answer(subject)

    assert completion.text.strip()
    assert completion.finish_reason in {"stop", "length", "tool_calls", "other"}


async def test_it_reports_usage(subject: Subject) -> None:
    usage = (await answer(subject)).usage

    assert usage.input_tokens > 3
    assert usage.output_tokens > 0


async def test_the_same_prompt_gets_the_same_answer(subject: Subject) -> None:
    prompt = ask(temperature=0.0, max_tokens=20)

    assert (await answer(subject, prompt)).text == (await answer(subject, prompt)).text


async def test_too_long_is_a_timeout_and_the_next_call_works(subject: Subject) -> None:
    subject.slow()

    with pytest.raises(ModelTimeout) as raised:
        await subject.model.complete(ask(max_tokens=500), timeout=0.1)

    assert raised.value.provider == subject.model.provider
    assert raised.value.transient
    assert (await answer(subject)).text


async def test_a_cancelled_call_stops_and_the_next_one_works(subject: Subject) -> None:
    subject.slow()
    call = asyncio.create_task(answer(subject, ask(max_tokens=500)))
    await asyncio.sleep(0.05)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call

    assert (await answer(subject)).text


async def test_calls_at_the_same_time_get_their_own_answers(subject: Subject) -> None:
    prompts = [ask(f"Repeat: {word}", max_tokens=20) for word in ("apple", "stone", "river", "cloud")]
    alone = [(await answer(subject, prompt)).text for prompt in prompts]

    together = await asyncio.gather(*(answer(subject, prompt) for prompt in prompts))

    assert [completion.text for completion in together] == alone


async def test_it_shows_no_secret(subject: Subject) -> None:
    await answer(subject)

    assert KEY not in repr(subject.model)
    assert KEY not in repr(getattr(subject.model, "_endpoint", ""))
    assert KEY not in repr(getattr(subject.model, "_errors", ""))


async def test_closing_twice_is_fine_and_ends_its_use(subject: Subject) -> None:
    await answer(subject)

    await subject.model.close()
    await subject.model.close()

    if subject.model.provider != "scripted":  # which holds nothing that could be released
        with pytest.raises(ModelError):
            await answer(subject)


async def test_closing_before_the_first_call_is_fine(subject: Subject) -> None:
    await subject.model.close()
