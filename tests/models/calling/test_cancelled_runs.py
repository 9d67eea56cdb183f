from __future__ import annotations

import asyncio

import pytest

from app.models.calling.cancelled_runs import CancelledRuns


async def test_that_a_call_goes_on_unless_its_run_is_cancelled() -> None:
    runs = CancelledRuns()
    runs.add("other")
    assert await runs.unless_cancelled("t", asyncio.sleep(0, "answer")) == "answer"
    assert not runs._calls


async def test_that_a_call_ends_with_its_run() -> None:
    runs, ended = CancelledRuns(), asyncio.Event()

    async def call() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    calling = asyncio.create_task(runs.unless_cancelled("t", call()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    runs.add("t")
    assert await asyncio.wait_for(calling, 10) is None
    assert ended.is_set()
    assert not runs._calls


async def test_that_a_call_of_a_cancelled_run_is_not_begun_for_a_while() -> None:
    now = 0.0
    runs = CancelledRuns(clock=lambda: now)
    runs.add("t")
    assert await runs.unless_cancelled("t", asyncio.sleep(0, "answer")) is None
    now = 61.0
    assert await runs.unless_cancelled("t", asyncio.sleep(0, "answer")) == "answer"


async def test_that_a_caller_that_is_cancelled_ends_its_call_and_itself() -> None:
    runs, ended = CancelledRuns(), asyncio.Event()

    async def call() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    calling = asyncio.create_task(runs.unless_cancelled("t", call()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert ended.is_set()


async def test_that_what_a_call_raises_is_raised() -> None:
    async def call() -> None:
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        await CancelledRuns().unless_cancelled("t", call())


def test_that_memory_is_bounded() -> None:
    runs = CancelledRuns()
    for number in range(10_001):
        runs.add(str(number))
    assert ("0" in runs, "1" in runs, len(runs._cancelled)) == (False, True, 10_000)
