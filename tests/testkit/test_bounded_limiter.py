from __future__ import annotations

import asyncio

from app.models.base import Prompt
from app.models.limits.limiter import Permit
from testkit.bounded_limiter import BoundedLimiter
from tests.delivery.fakes import settle
from tests.models.limits.samples import Named


async def _enter(limiter: BoundedLimiter) -> Permit:
    return await limiter.enter(Prompt(()), priority=0, deadline=None)


async def test_that_no_more_than_its_places_are_taken_at_once() -> None:
    model = Named()
    limiter = BoundedLimiter(model, 2)
    first, _ = await _enter(limiter), await _enter(limiter)
    third = asyncio.create_task(_enter(limiter))
    await settle()
    assert not third.done()
    assert not first.leave(None)
    assert (await third).model is model


async def test_that_who_gives_up_waiting_takes_no_place() -> None:
    limiter = BoundedLimiter(Named(), 1)
    first = await _enter(limiter)
    waiting = asyncio.create_task(_enter(limiter))
    await settle()
    waiting.cancel()
    await settle()
    first.leave(None)
    async with asyncio.timeout(5):
        await _enter(limiter)
