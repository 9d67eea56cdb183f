from __future__ import annotations

import asyncio
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
    """What is seen of an aiokafka consumer: the fetches of its fetcher, by topics, and their waits."""

    def __init__(self) -> None:
        self.fetched: list[tuple[list[str], int]] = []
        self.found = False
        self._fetch_max_wait_ms = 5
        self._fetcher = self

    async def _proc_fetch_request(self, _assignment: Any, _node: int, request: Any) -> bool:
        self.fetched.append(([name for name, _ in request._topics], request.wait))
        return self.found

    async def fetch(self, *topics: str) -> bool:
        """Fetch as the fetcher's routine does: the request is made before its turn comes."""
        request = Request([(name, []) for name in topics or ("tasks", "results", "chunks")], self._fetch_max_wait_ms)
        return await self._proc_fetch_request(None, 1, request)


class Request:
    def __init__(self, topics: list[tuple[str, list[int]]], wait: int) -> None:
        self._topics = topics
        self.wait = wait

    @property
    def topics(self) -> list[tuple[str, list[int]]]:
        return self._topics


EVERYTHING = ["tasks", "results", "chunks"]


async def test_while_events_come_fetches_wait_at_the_broker_for_all_topics(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(60.0, ["tasks"]).attach(consumer)
    consumer.found = True
    for _ in range(5):
        clock.now += 0.9
        assert await consumer.fetch()
    assert consumer.fetched == [(EVERYTHING, 5)] * 5


async def test_when_idle_it_pauses_and_looks_at_what_comes_from_outside_and_now_and_then_at_all(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(0.001, ["tasks"]).attach(consumer)
    clock.now += 1.1
    for _ in range(5):
        assert not await consumer.fetch()
        clock.now += 0.15
    assert consumer.fetched == [(EVERYTHING, 5), (["tasks"], 1), (["tasks"], 1), (["tasks"], 1), (EVERYTHING, 1)]


async def test_where_nothing_of_what_comes_from_outside_can_be_fetched_it_looks_at_the_rest(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(0.001, ["tasks"]).attach(consumer)
    clock.now += 1.1
    for _ in range(3):
        await consumer.fetch("chunks")
    assert [topics for topics, _ in consumer.fetched] == [["chunks"]] * 3


async def test_an_event_makes_it_quick_again(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(0.001, ["tasks"]).attach(consumer)
    clock.now += 1.1
    await consumer.fetch()
    consumer.found = True
    assert await consumer.fetch()
    assert await consumer.fetch()
    assert consumer.fetched[-1] == (EVERYTHING, 5)


async def test_what_this_process_sends_ends_the_pause_from_any_thread(clock: Clock) -> None:
    consumer = Consumer()
    pace = FetchPace(600.0, ["tasks"])
    pace.stir()  # before anything is attached, too
    pace.attach(consumer)
    clock.now += 1.1
    fetching = asyncio.create_task(consumer.fetch())
    await asyncio.sleep(0.02)
    assert consumer.fetched == []
    await asyncio.to_thread(pace.stir)
    async with asyncio.timeout(30):
        await fetching
    assert consumer.fetched == [(EVERYTHING, 5)]


async def test_a_pause_that_is_cancelled_is_as_a_fetch_that_is(clock: Clock) -> None:
    consumer = Consumer()
    FetchPace(600.0).attach(consumer)
    clock.now += 1.1
    fetching = asyncio.create_task(consumer.fetch())
    await asyncio.sleep(0)
    fetching.cancel()
    assert await fetching is False
    assert consumer.fetched == []


async def test_a_broker_that_wakes_a_waiting_fetch_is_left_as_it_is() -> None:
    consumer = Consumer()
    before = consumer._proc_fetch_request
    FetchPace().attach(consumer)
    assert consumer._proc_fetch_request == before


async def test_aiokafka_still_has_what_is_reached_for() -> None:
    from aiokafka.consumer.fetcher import Fetcher  # noqa: PLC0415  # only this test reads it
    from aiokafka.protocol.fetch import FetchRequest  # noqa: PLC0415

    assert asyncio.iscoroutinefunction(Fetcher._proc_fetch_request)
    assert "_fetch_max_wait_ms" in Fetcher._get_actions_per_node.__code__.co_names
    request = FetchRequest(5, 1, 1, 0, [("a", [(0, 0, 1)]), ("b", [(0, 0, 1)])], rack_id="")
    request._topics = request.topics[1:]
    assert request.topics == [("b", [(0, 0, 1)])]
