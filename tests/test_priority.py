from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.priority import PrioritySlots
from tests.delivery.fakes import settle


class Queue:
    """Work that holds a slot until it is told to end; `began` is the order in which it got one."""

    def __init__(self, slots: int) -> None:
        self.slots = PrioritySlots(slots)
        self.began: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.ends: list[asyncio.Event] = []

    async def add(self, priority: int = 0) -> None:
        number, end = len(self.tasks), asyncio.Event()
        self.ends.append(end)

        async def work() -> None:
            async with self.slots.held(priority):
                self.began.append(number)
                await end.wait()

        self.tasks.append(asyncio.create_task(work()))
        await settle()

    async def end(self, number: int) -> None:
        self.ends[number].set()
        await settle()

    async def end_all(self) -> None:
        for end in self.ends:
            end.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_that_no_more_than_the_slots_are_held_at_once() -> None:
    queue = Queue(2)
    for _ in range(4):
        await queue.add()
    assert queue.began == [0, 1]
    await queue.end(1)
    assert queue.began == [0, 1, 2]
    await queue.end_all()
    assert queue.began == [0, 1, 2, 3]


async def test_that_the_higher_priority_goes_first_and_then_the_earlier() -> None:
    queue = Queue(1)
    for priority in (0, 0, 5, -1, 5, 0):
        await queue.add(priority)
    for number in (0, 2, 4, 1, 5, 3):
        await queue.end(number)
    assert queue.began == [0, 2, 4, 1, 5, 3]
    await queue.end_all()


async def test_that_a_failure_gives_the_slot_back() -> None:
    slots = PrioritySlots(1)
    with pytest.raises(ValueError, match="broken"):
        async with slots.held():
            raise ValueError("broken")
    async with asyncio.timeout(5), slots.held():
        pass


async def test_that_who_leaves_the_queue_is_passed_over() -> None:
    queue = Queue(1)
    for priority in (0, 9, 1):
        await queue.add(priority)
    queue.tasks[1].cancel()
    await settle()
    assert len(queue.slots._waiting) == 1  # nothing of it is left behind
    await queue.end(0)
    assert queue.began == [0, 2]
    await queue.end_all()


async def test_that_a_slot_is_not_lost_when_its_taker_leaves_in_the_same_moment() -> None:
    queue = Queue(1)
    for _ in range(3):
        await queue.add()
    queue.ends[0].set()
    while not queue.tasks[0].done():  # noqa: ASYNC110  # its slot is then promised to 1, which has not run yet
        await asyncio.sleep(0)
    queue.tasks[1].cancel()
    await settle()
    assert queue.began == [0, 2]
    await queue.end_all()


async def test_that_a_release_and_a_cancellation_in_one_moment_do_no_harm() -> None:
    queue = Queue(1)
    for _ in range(3):
        await queue.add()
    queue.tasks[1].cancel()
    queue.ends[0].set()
    await settle()
    assert queue.began == [0, 2]
    await queue.end_all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.lists(st.tuples(st.integers(-2, 2), st.booleans()), max_size=12), st.randoms())
def test_that_whoever_stays_is_served_and_all_slots_come_back(
    slots: int, work: list[tuple[int, bool]], luck: random.Random
) -> None:
    async def scenario() -> None:
        queue = Queue(slots)
        for priority, _ in work:
            await queue.add(priority)
        leaving = [number for number, (_, leaves) in enumerate(work) if leaves]
        luck.shuffle(leaving)
        for number in leaving:
            queue.tasks[number].cancel()
            await asyncio.sleep(0)
        await queue.end_all()
        stayed = {number for number, (_, leaves) in enumerate(work) if not leaves}
        assert stayed <= set(queue.began)
        assert queue.slots._free == slots
        assert queue.slots._waiting == []

    asyncio.run(scenario())
