from __future__ import annotations

import asyncio
import uuid
from typing import Any, Self

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers.base import Connection
from app.delivery.kafka.tail import Tail


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    connection: Connection = request.getfixturevalue(request.param)
    return {"bootstrap_servers": connection.bootstrap_servers, **connection.client_options}


async def _topic(options: dict[str, Any]) -> str:
    name = f"tail-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    await admin.close()
    return name


async def _write(options: dict[str, Any], topic: str, *records: tuple[int, bytes]) -> None:
    producer = AIOKafkaProducer(**options, acks="all")
    await producer.start()
    for partition, value in records:
        await producer.send(topic, value, partition=partition)
    await producer.stop()


class Follower:
    """A tail that runs, and what it was given."""

    def __init__(
        self, options: dict[str, Any], topic: str, position: dict[int, int] | None = None, *, from_end: bool = False
    ) -> None:
        self.taken: list[bytes] = []
        self.tail = Tail({**options, "fetch_max_wait_ms": 25}, topic, self._take, position, from_end=from_end)

    async def _take(self, record: Any) -> None:
        self.taken.append(record.value)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.tail.run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.taken) < count:  # noqa: ASYNC110  # records tell nobody that they came
                await asyncio.sleep(0.01)


async def test_that_all_is_read_what_is_there_and_what_comes(options: dict[str, Any]) -> None:
    topic = await _topic(options)
    await _write(options, topic, (0, b"a"), (0, b"b"), (1, b"c"))
    async with Follower(options, topic) as follower:
        async with asyncio.timeout(30):
            await follower.tail.caught_up.wait()
        assert sorted(follower.taken) == [b"a", b"b", b"c"]
        await _write(options, topic, (1, b"d"))
        await follower.until(4)
        assert follower.tail.position == {0: 2, 1: 2}


async def test_that_reading_goes_on_from_the_position_given(options: dict[str, Any]) -> None:
    topic = await _topic(options)
    await _write(options, topic, (0, b"a"))
    await _write(options, topic, (0, b"b"))
    async with Follower(options, topic, {0: 1}) as follower:
        await follower.until(1)
        assert follower.taken == [b"b"]


async def test_that_only_what_comes_is_read_from_the_end(options: dict[str, Any]) -> None:
    topic = await _topic(options)
    await _write(options, topic, (0, b"a"), (1, b"b"))
    async with Follower(options, topic, {1: 0}, from_end=True) as follower:
        async with asyncio.timeout(30):
            await follower.tail.caught_up.wait()
        await _write(options, topic, (0, b"c"), (1, b"d"))
        await follower.until(3)
        assert sorted(follower.taken) == [b"b", b"c", b"d"]


async def test_that_a_log_that_is_shorter_than_what_is_remembered_is_read_from_its_start(
    options: dict[str, Any],
) -> None:
    topic = await _topic(options)
    await _write(options, topic, (0, b"a"))
    async with Follower(options, topic, {0: 99}) as follower:
        await follower.until(1)
        assert follower.taken == [b"a"]


async def test_that_an_empty_topic_is_caught_up_at_once(options: dict[str, Any]) -> None:
    async with Follower(options, await _topic(options)) as follower, asyncio.timeout(30):
        await follower.tail.caught_up.wait()


async def test_that_the_end_is_reached_when_all_is_applied_that_was_there_when_asked(options: dict[str, Any]) -> None:
    topic = await _topic(options)
    await _write(options, topic, (0, b"a"), (0, b"b"), (0, b"c"))
    async with Follower(options, topic) as follower, asyncio.timeout(30):
        await follower.tail.reach_end()
        assert follower.taken == [b"a", b"b", b"c"]
        # In one batch again, whose end the embedded broker does not tell when it is asked.
        await _write(options, topic, (0, b"d"), (0, b"e"), (1, b"f"), (1, b"g"))
        await asyncio.gather(follower.tail.reach_end(), follower.tail.reach_end())
        assert sorted(follower.taken) == [b"a", b"b", b"c", b"d", b"e", b"f", b"g"]


async def test_that_the_end_of_an_empty_topic_is_reached_at_once(options: dict[str, Any]) -> None:
    async with Follower(options, await _topic(options)) as follower, asyncio.timeout(30):
        await follower.tail.reach_end()
        assert follower.taken == []


async def test_that_the_end_is_not_reached_before_the_last_is_applied(options: dict[str, Any]) -> None:
    topic, allowed = await _topic(options), asyncio.Event()
    await _write(options, topic, (0, b"a"), (0, b"b"))
    async with Follower(options, topic) as follower, asyncio.timeout(30):
        take = follower.tail._apply

        async def take_late(record: Any) -> None:
            if record.value == b"b":
                await allowed.wait()
            await take(record)

        follower.tail._apply = take_late
        reaching = asyncio.create_task(follower.tail.reach_end())
        await follower.until(1)
        await asyncio.sleep(0.2)
        assert not reaching.done()
        allowed.set()
        await reaching
        assert follower.taken == [b"a", b"b"]


@pytest.mark.kafka
async def test_that_the_end_is_reached_where_it_is_a_marker_and_no_record(kafka: Connection) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers, **kafka.client_options}
    topic = await _topic(options)
    async with AIOKafkaProducer(**options, transactional_id=topic) as producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"a", partition=0)
        async with Follower(options, topic) as follower, asyncio.timeout(30):
            await follower.tail.caught_up.wait()
            # The broker ends a transaction before its marker lies in the partition.
            while follower.tail.position != {0: 2}:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)
            assert follower.taken == [b"a"]
            async with producer.transaction():
                await producer.send_and_wait(topic, b"b", partition=0)
            await follower.tail.reach_end()
            assert follower.taken == [b"a", b"b"]
