from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from agents import recording
from agents.call_model import run
from app.delivery.outbox import Record
from app.models.base import Prompt
from app.models.outcome import Attempt
from tests.agents.parts import assemble, received
from tests.delivery.fakes import Stream, World, settle, until
from topics import DEAD_LETTERS, MODEL_REQUESTS, MODEL_RESPONSES, RESULT_CHUNKS, SPEND
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
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
        async with recording.recorded(received(REQUEST), configured, "n", world.delivery.outbox) as model:
            passage = await model.gate.enter(Prompt(REQUEST.messages), priority=0, deadline=None)
            passage.leave(Attempt(1, 1.0, lost=True))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await give_up()
