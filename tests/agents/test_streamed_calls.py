"""A streamed call as a whole: the model, the call with its attempts, the pieces, and the reader."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from agents.call_model import handle
from agents.parts import Parts
from app.models.hedging import Hedges
from app.settings import HedgeSettings
from app.streaming import Assembled
from bench.bounded import Bounded
from tests.agents.parts import assemble, received
from tests.delivery.fakes import World
from topics import RESULT_CHUNKS
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.result_chunks import ResultChunk

REQUEST = ModelRequest(
    id="t/say/m/1",
    task_id="t",
    step="say",
    branch="m",
    model="m",
    messages=(Message(role="user", content="count"),),
    stream=True,
)
TEXT = "one two three four five"


async def _answered(parts: Parts, **fields: Any) -> ModelResponse:
    (response,) = (
        outgoing.event
        for outgoing in await handle(received(REQUEST.model_copy(update=fields)), parts)
        if isinstance(outgoing.event, ModelResponse)
    )
    return response


def _read(world: World) -> tuple[list[ResultChunk], Assembled]:
    chunks = [ResultChunk.model_validate_json(one.value or b"") for one in world.producer.on(RESULT_CHUNKS)]
    assembled = Assembled()
    for chunk in chunks:
        assembled.add(chunk)
    return chunks, assembled


async def test_that_the_readers_text_is_the_answer() -> None:
    world = World()
    response = await _answered(assemble(world, m={"default": TEXT}))
    chunks, assembled = _read(world)
    assert (response.error, response.text, assembled.text, assembled.ended) == (None, TEXT, TEXT, True)
    assert len(chunks) < len(TEXT.split())
    assert response.first_token is not None


async def test_that_nothing_is_streamed_that_nobody_asked_to_be() -> None:
    world = World()
    await _answered(assemble(world, m={"default": TEXT}), stream=False)
    assert _read(world)[0] == []


@pytest.mark.parametrize(("attempts", "stands"), [(1, "one two "), (2, "one two three four ")])
async def test_that_another_model_goes_on_where_one_was_cut_off(
    attempts: int, stands: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.models.calling._FIRST_WAIT", 0.0)
    world = World()
    parts = assemble(world, m={"default": TEXT, "cut_after": 2, "attempts": attempts}, n={"default": TEXT})
    cut = await _answered(parts)
    assert cut.error
    assert (cut.error.code, cut.text) == ("unavailable", stands)
    assert (_read(world)[1].text, _read(world)[1].ended) == (stands, False)
    whole = await _answered(parts, id="t/say/n/1", branch="n", model="n", prefix=cut.text)
    assert (whole.error, whole.text) == (None, TEXT)
    assert (_read(world)[1].text, _read(world)[1].ended) == (TEXT, True)


async def test_that_an_answer_that_was_there_before_is_streamed_too() -> None:
    world = World()
    parts = assemble(world, m={"default": TEXT})
    await _answered(parts, cache_for=60.0, stream=False)
    again = await _answered(parts, cache_for=60.0, task_id="u", id="u/say/m/1")
    chunks, assembled = _read(world)
    assert again.cached
    assert {chunk.task_id for chunk in chunks} == {"u"}
    assert (assembled.text, assembled.ended) == (TEXT, True)


async def test_that_a_request_that_comes_again_to_another_worker_begins_anew() -> None:
    world = World()
    await _answered(assemble(world, m={"default": TEXT, "cut_after": 3}))
    response = await _answered(assemble(world, m={"default": TEXT}))
    chunks, assembled = _read(world)
    assert len({chunk.stream for chunk in chunks}) == 2
    assert assembled.text == response.text == TEXT


async def test_that_the_first_token_is_that_of_the_attempt_that_was_heard() -> None:
    parts = assemble(m={"default": TEXT, "delay": 0.05})
    model = parts.models["m"]
    hedged = replace(model, gate=Bounded(model.model, 2), hedges=Hedges(HedgeSettings(after=0.01, at_most=1.0)))
    response = await _answered(replace(parts, models={"m": hedged}))
    assert response.tries == 2
    assert response.first_token is not None


async def test_that_a_broker_that_takes_no_pieces_does_not_make_the_model_slow() -> None:
    world = World()
    parts = assemble(world, m={"default": TEXT})
    world.producer.hold = lambda _record: True
    asked = asyncio.create_task(_answered(parts))
    await asyncio.sleep(0.3)
    world.producer.let_go()
    await asked
    (health,) = parts.measures.take_changed(time.time())
    assert health.seconds < 0.2
