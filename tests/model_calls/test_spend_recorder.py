from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from agents.call_model import AGENT, handle
from app.delivery.outbox import Record
from app.dependencies import Dependencies
from app.model_calls import spend_recorder
from app.models.base import Completion, Features, Prompt
from app.models.calling.hedging import HedgePolicy
from app.models.outcome import Attempt
from app.settings import HedgeSettings
from testkit.bounded_limiter import BoundedLimiter
from tests.agents.deps import assemble, received
from tests.delivery.fakes import Harness, Stream, settle, until
from topics import DEAD_LETTERS, MODEL_REQUESTS, MODEL_RESPONSES, RESULT_CHUNKS, SPEND
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse, Usage
from topics.spend import Spend

REQUEST = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="x" * 400),),  # about 100 tokens, one word
)
PRICE = {"input": 2.0}


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[Harness]:
    harness = Harness()
    harness.own(MODEL_REQUESTS.name, 0)
    yield harness
    await harness.stop()


def _begin(harness: Harness, *requests: ModelRequest, **script: Any) -> None:
    stream = Stream()
    harness.start(AGENT.run(stream, assemble(harness, m={"default": "four", "price": PRICE, **script})))
    harness.deliver(stream, *(harness.message(MODEL_REQUESTS, request) for request in requests))


async def _done(harness: Harness, count: int = 1) -> None:
    await until(lambda: harness.committable(MODEL_REQUESTS) == count)


def _spent(harness: Harness) -> list[Spend]:
    return [Spend.model_validate_json(record.value or b"") for record in harness.producer.on(SPEND)]


def _answer(harness: Harness) -> ModelResponse:
    (record,) = harness.producer.on(MODEL_RESPONSES)
    return ModelResponse.model_validate_json(record.value or b"")


async def test_that_what_a_call_has_cost_is_recorded_once(harness: Harness) -> None:
    before = time.time()
    _begin(harness, REQUEST, REQUEST, REQUEST)
    await _done(harness, 3)
    (spend,) = _spent(harness)
    assert (spend.request_id, spend.outcome, spend.priced) == (REQUEST.id, "answered", "configuration")
    assert spend.usage == _answer(harness).usage
    assert before - 1 < spend.at.timestamp() < time.time() + 1


async def test_that_it_is_recorded_before_the_answer(harness: Harness) -> None:
    _begin(harness, REQUEST)
    await _done(harness)
    sent = [record.topic for record in harness.producer.sent]
    assert sent == [SPEND.name, MODEL_RESPONSES.name]


async def test_that_it_is_recorded_even_if_the_answer_cannot_be_sent(harness: Harness) -> None:
    def refuse(record: Record) -> Exception | None:
        answer = record.topic == MODEL_RESPONSES.name and b'"text":"four"' in (record.value or b"")
        return MessageSizeTooLargeError() if answer else None

    harness.producer.refuse = refuse
    _begin(harness, REQUEST)
    await _done(harness)
    assert [spend.outcome for spend in _spent(harness)] == ["answered"]
    assert _answer(harness).error
    assert len(harness.producer.on(DEAD_LETTERS)) == 1


async def test_that_it_is_recorded_even_if_a_piece_of_the_answer_cannot_be_sent(harness: Harness) -> None:
    harness.producer.refuse = lambda record: MessageSizeTooLargeError() if record.topic == RESULT_CHUNKS.name else None
    _begin(harness, REQUEST.model_copy(update={"stream": True}))
    await _done(harness)
    assert [spend.usage.input_tokens > 0 for spend in _spent(harness)] == [True]
    assert _answer(harness).error


async def _given_up(harness: Harness) -> None:
    """Begin a call, and lose its partition."""
    _begin(harness, REQUEST, delay=60.0)
    await until(lambda: harness.assignment().tasks)
    await settle()
    tasks = harness.assignment().tasks
    harness.own(MODEL_REQUESTS.name)
    await asyncio.wait(tasks)


async def test_that_a_call_that_is_abandoned_says_what_it_has_cost(harness: Harness) -> None:
    await _given_up(harness)
    (spend,) = _spent(harness)
    assert (spend.outcome, spend.estimated, spend.usage.input_tokens, spend.usage.cost) == ("lost", True, 100, 200e-6)
    assert harness.producer.on(MODEL_RESPONSES) == []


async def test_that_a_call_that_is_abandoned_does_not_wait_for_a_broker_that_is_away(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spend_recorder, "_CLOSING_SECONDS", 0.05)
    harness.producer.fail = lambda _record: KafkaConnectionError()
    await _given_up(harness)
    assert _spent(harness) == []
    assert harness.producer.sent


async def test_that_a_call_that_is_abandoned_stays_so_when_what_it_has_cost_cannot_be_sent() -> None:
    harness = Harness()
    harness.producer.refuse = lambda _record: MessageSizeTooLargeError()
    configured = assemble(harness, m={"default": "four", "price": PRICE}).models["m"]

    async def give_up() -> None:
        async with spend_recorder.recorded(received(REQUEST), configured, "n", harness.delivery.outbox) as kept:
            permit = await kept.model.limiter.enter(Prompt(REQUEST.messages), priority=0, deadline=None)
            permit.leave(Attempt(1, 1.0, lost=True))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await give_up()


class Stubborn:
    """Does not let itself be stopped for a while; of two attempts, the first is the slow one."""

    provider = "scripted"
    features: Features = frozenset()

    def __init__(self) -> None:
        self.begun = 0
        self.released = asyncio.Event()

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:  # noqa: ARG002  # the port's signature
        self.begun += 1
        if self.begun > 1:
            return Completion("quick", usage=Usage(input_tokens=5, output_tokens=1))
        while not self.released.is_set():
            with suppress(asyncio.CancelledError):
                await self.released.wait()
        return Completion("slow", usage=Usage(input_tokens=7, output_tokens=1))

    async def close(self) -> None: ...


def _stubborn(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> tuple[Stubborn, Dependencies]:
    monkeypatch.setattr("app.models.calling.attempt._CANCEL_SECONDS", 0.01)
    model, deps = Stubborn(), assemble(harness, m={"default": "four", "price": PRICE})
    hedges = HedgePolicy(HedgeSettings(after=0.01, at_most=1.0))
    return model, replace(
        deps, models={"m": replace(deps.models["m"], limiter=BoundedLimiter(model, 2), hedges=hedges)}
    )


async def test_that_a_loser_that_cannot_be_stopped_is_on_record_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, deps = _stubborn(harness, monkeypatch)
    await handle(received(REQUEST), deps)
    assert [(one.outcome, one.estimated, one.usage.input_tokens) for one in _spent(harness)] == [
        ("lost", True, 100),
        ("answered", False, 5),
    ]
    model.released.set()
    await asyncio.sleep(0.05)
    assert len(_spent(harness)) == 2


async def test_that_what_ends_after_its_call_was_abandoned_is_put_on_record_then(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, deps = _stubborn(harness, monkeypatch)
    calling = asyncio.create_task(handle(received(REQUEST), deps))
    await until(lambda: model.begun)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert _spent(harness) == []
    model.released.set()
    await until(lambda: _spent(harness))
    (spend,) = _spent(harness)
    assert (spend.outcome, spend.usage.input_tokens) == ("answered", 7)


@pytest.mark.parametrize("times", [1, 2])
async def test_that_a_call_that_is_cancelled_while_it_is_put_on_record_is_on_record(
    harness: Harness, times: int
) -> None:
    failures = iter([KafkaConnectionError()])
    harness.producer.fail = lambda _record: next(failures, None)  # so that there is a wait, and another try
    deps = assemble(harness, m={"default": "four", "price": PRICE})
    calling = asyncio.create_task(handle(received(REQUEST), deps))
    await until(lambda: harness.producer.sent)
    for _ in range(times):
        calling.cancel()
        await settle()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await until(lambda: _spent(harness))
    assert len(_spent(harness)) == 1
