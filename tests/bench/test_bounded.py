from __future__ import annotations

import asyncio

from app.models.base import Prompt
from app.models.gate import Passage
from bench.bounded import Bounded
from tests.delivery.fakes import settle
from tests.models.guards.samples import Named


async def _enter(gate: Bounded) -> Passage:
    return await gate.enter(Prompt(()), priority=0, deadline=None)


async def test_that_no_more_than_its_places_are_taken_at_once() -> None:
    model = Named()
    gate = Bounded(model, 2)
    first, _ = await _enter(gate), await _enter(gate)
    third = asyncio.create_task(_enter(gate))
    await settle()
    assert not third.done()
    assert not first.leave(None)
    assert (await third).model is model


async def test_that_who_gives_up_waiting_takes_no_place() -> None:
    gate = Bounded(Named(), 1)
    first = await _enter(gate)
    waiting = asyncio.create_task(_enter(gate))
    await settle()
    waiting.cancel()
    await settle()
    first.leave(None)
    async with asyncio.timeout(5):
        await _enter(gate)
