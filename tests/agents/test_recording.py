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

from agents import recording
from agents.call_model import handle, run
from agents.parts import Parts
from app.delivery.outbox import Record
from app.models.base import Completion, Features, Prompt
from app.models.hedging import Hedges
from app.models.outcome import Attempt
from app.settings import HedgeSettings
from bench.bounded import Bounded
from tests.agents.parts import assemble, received
from tests.delivery.fakes import Stream, World, settle, until
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
async def world() -> AsyncIterator[World]:
    world = World()
    world.own(MODEL_REQUESTS.name, 0)
    yield world
    await world.stop()


def _begin(world: World, *requests: ModelRequest, **script: Any) -> None:
    stream = Stream()
    world.start(run(stream, assemble(world, m={"default": "four", "price": PRICE, **script})))
    world.deliver(stream, *(world.message(MODEL_REQUESTS, request) for request in requests))


async def _done(world: World, count: int = 1) -> None:
    await until(lambda: world.committable(MODEL_REQUESTS) == count)


def _spent(world: World) -> list[Spend]:
    return [Spend.model_validate_json(record.value or b"") for record in world.producer.on(SPEND)]


def _answer(world: World) -> ModelResponse:
    (record,) = world.producer.on(MODEL_RESPONSES)
    return ModelResponse.model_validate_json(record.value or b"")


async def test_that_what_a_call_has_cost_is_recorded_once(world: World) -> None:
    before = time.time()
    _begin(world, REQUEST, REQUEST, REQUEST)
    await _done(world, 3)
    (spend,) = _spent(world)
    assert (spend.request_id, spend.outcome, spend.priced) == (REQUEST.id, "answered", "configuration")
    assert spend.usage == _answer(world).usage
    assert before - 1 < spend.at.timestamp() < time.time() + 1


async def test_that_it_is_recorded_before_the_answer(world: World) -> None:
    _begin(world, REQUEST)
    await _done(world)
    sent = [record.topic for record in world.producer.sent]
    assert sent == [SPEND.name, MODEL_RESPONSES.name]


async def test_that_it_is_recorded_even_if_the_answer_cannot_be_sent(world: World) -> None:
    def refuse(record: Record) -> Exception | None:
        answer = record.topic == MODEL_RESPONSES.name and b'"text":"four"' in (record.value or b"")
        return MessageSizeTooLargeError() if answer else None

    world.producer.refuse = refuse
    _begin(world, REQUEST)
    await _done(world)
    assert [spend.outcome for spend in _spent(world)] == ["answered"]
    assert _answer(world).error
    assert len(world.producer.on(DEAD_LETTERS)) == 1


async def test_that_it_is_recorded_even_if_a_piece_of_the_answer_cannot_be_sent(world: World) -> None:
    world.producer.refuse = lambda record: MessageSizeTooLargeError() if record.topic == RESULT_CHUNKS.name else None
    _begin(world, REQUEST.model_copy(update={"stream": True}))
    await _done(world)
    assert [spend.usage.input_tokens > 0 for spend in _spent(world)] == [True]
    assert _answer(world).error


async def _given_up(world: World) -> None:
    """Begin a call, and lose its partition."""
    _begin(world, REQUEST, delay=60.0)
    await until(lambda: world.tenure().tasks)
    await settle()
    tasks = world.tenure().tasks
    world.own(MODEL_REQUESTS.name)
    await asyncio.wait(tasks)


async def test_that_a_call_that_is_given_up_says_what_it_has_cost(world: World) -> None:
    await _given_up(world)
    (spend,) = _spent(world)
    assert (spend.outcome, spend.estimated, spend.usage.input_tokens, spend.usage.cost) == ("lost", True, 100, 200e-6)
    assert world.producer.on(MODEL_RESPONSES) == []


async def test_that_a_call_that_is_given_up_does_not_wait_for_a_broker_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_FAREWELL", 0.05)
    world.producer.fail = lambda _record: KafkaConnectionError()
    await _given_up(world)
    assert _spent(world) == []
    assert world.producer.sent


async def test_that_a_call_that_is_given_up_stays_so_when_what_it_has_cost_cannot_be_sent() -> None:
    world = World()
    world.producer.refuse = lambda _record: MessageSizeTooLargeError()
    configured = assemble(world, m={"default": "four", "price": PRICE}).models["m"]

    async def give_up() -> None:
        async with recording.recorded(received(REQUEST), configured, "n", world.delivery.outbox) as kept:
            passage = await kept.model.gate.enter(Prompt(REQUEST.messages), priority=0, deadline=None)
            passage.leave(Attempt(1, 1.0, lost=True))
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


def _stubborn(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Stubborn, Parts]:
    monkeypatch.setattr("app.models.attempting._STOPPING", 0.01)
    model, parts = Stubborn(), assemble(world, m={"default": "four", "price": PRICE})
    hedges = Hedges(HedgeSettings(after=0.01, at_most=1.0))
    return model, replace(parts, models={"m": replace(parts.models["m"], gate=Bounded(model, 2), hedges=hedges)})


async def test_that_a_loser_that_cannot_be_stopped_is_on_record_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, parts = _stubborn(world, monkeypatch)
    await handle(received(REQUEST), parts)
    assert [(one.outcome, one.estimated, one.usage.input_tokens) for one in _spent(world)] == [
        ("lost", True, 100),
        ("answered", False, 5),
    ]
    model.released.set()
    await asyncio.sleep(0.05)
    assert len(_spent(world)) == 2


async def test_that_what_ends_after_its_call_was_given_up_is_put_on_record_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, parts = _stubborn(world, monkeypatch)
    calling = asyncio.create_task(handle(received(REQUEST), parts))
    await until(lambda: model.begun)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert _spent(world) == []
    model.released.set()
    await until(lambda: _spent(world))
    (spend,) = _spent(world)
    assert (spend.outcome, spend.usage.input_tokens) == ("answered", 7)


@pytest.mark.parametrize("times", [1, 2])
async def test_that_a_call_that_is_cancelled_while_it_is_put_on_record_is_on_record(world: World, times: int) -> None:
    failures = iter([KafkaConnectionError()])
    world.producer.fail = lambda _record: next(failures, None)  # so that there is a wait, and another try
    parts = assemble(world, m={"default": "four", "price": PRICE})
    calling = asyncio.create_task(handle(received(REQUEST), parts))
    await until(lambda: world.producer.sent)
    for _ in range(times):
        calling.cancel()
        await settle()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await until(lambda: _spent(world))
    assert len(_spent(world)) == 1
