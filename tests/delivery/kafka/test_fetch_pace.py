from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Any

import pytest

from app.delivery.kafka import fetch_pace
from app.delivery.kafka.fetch_pace import FetchPace


class Clock:
    """The time that the pace reads; it stands still until it is moved."""

    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(fetch_pace, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


class Consumer:
    """What is seen of an aiokafka consumer: how often its fetcher fetched."""

    def __init__(self) -> None:
        self.fetched = 0
        self.found = False
        self._fetcher = self

    async def _proc_fetch_request(self, _assignment: Any, _node: int, _request: Any) -> bool:
        self.fetched += 1
        return self.found

    async def fetch(self) -> bool:
        """Fetch as the fetcher's routine does."""
        return await self._proc_fetch_request(None, 1, None)


class Listeners:
    """Stands for what tells when something is appended."""

    def __init__(self) -> None:
        self.heard: list[tuple[Callable[[], None], str | None, Collection[str]]] = []

    def listen(self, appended: Callable[[], None], topic: str | None, first: Collection[str]) -> None:
        self.heard.append((appended, topic, first))


async def test_while_events_come_it_does_not_pause(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(Listeners()).attach(consumer)
    consumer.found = True
    for _ in range(5):
        clock.now += 0.9
        assert await consumer.fetch()
    assert consumer.fetched == 5


@pytest.mark.parametrize("thread", [False, True])
async def test_when_idle_it_pauses_until_it_is_told_of_events_from_any_thread(clock: Clock, *, thread: bool) -> None:
    consumer, listeners = Consumer(), Listeners()
    FetchPace(listeners, ["tasks"]).attach(consumer, "results")
    ((appended, topic, first),) = listeners.heard
    assert (topic, set(first)) == ("results", {"tasks"})
    clock.now += 1.1
    fetching = asyncio.create_task(consumer.fetch())
    await asyncio.sleep(0.02)
    assert consumer.fetched == 0
    if thread:
        await asyncio.to_thread(appended)
    else:
        appended()
    async with asyncio.timeout(30):
        await fetching
        await consumer.fetch()  # and for a second it asks without a pause
    assert consumer.fetched == 2


async def test_what_is_told_before_the_pause_is_not_missed(clock: Clock) -> None:
    consumer = Consumer()
    pace = FetchPace(Listeners())
    pace.stir()  # before anything is attached, too
    pace.attach(consumer)
    clock.now += 1.1
    pace.stir()
    async with asyncio.timeout(1):
        await consumer.fetch()
    assert consumer.fetched == 1


async def test_it_looks_now_and_then_whatever_it_is_told(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_pace, "_LONGEST", 0.01)
    consumer = Consumer()
    FetchPace(Listeners()).attach(consumer)
    clock.now += 1.1
    async with asyncio.timeout(30):
        await consumer.fetch()
    assert consumer.fetched == 1


async def test_a_pause_that_is_cancelled_is_as_a_fetch_that_is(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(Listeners()).attach(consumer)
    clock.now += 1.1
    fetching = asyncio.create_task(consumer.fetch())
    await asyncio.sleep(0)
    fetching.cancel()
    assert await fetching is False
    assert consumer.fetched == 0


def test_that_a_loop_that_has_ended_is_told_nothing(clock: Clock) -> None:
    pace = FetchPace(Listeners())

    async def attach() -> None:
        pace.attach(Consumer())

    asyncio.run(attach())
    clock.now += 1.1
    pace.stir()


async def test_a_broker_that_wakes_a_waiting_fetch_is_left_as_it_is() -> None:
    consumer = Consumer()
    before = consumer._proc_fetch_request
    FetchPace().attach(consumer)
    assert consumer._proc_fetch_request == before


async def test_aiokafka_still_has_what_is_reached_for() -> None:
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415  # only this test reads it
    from aiokafka.consumer.fetcher import Fetcher  # noqa: PLC0415  # likewise

    assert asyncio.iscoroutinefunction(Fetcher._proc_fetch_request)
    assert "_fetcher_timeout" in Fetcher._get_actions_per_node.__code__.co_names
    assert "_fetcher" in AIOKafkaConsumer.start.__code__.co_names
