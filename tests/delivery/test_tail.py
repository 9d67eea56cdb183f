from __future__ import annotations

import asyncio
import uuid
from typing import Any, Self

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers.base import Connection
from app.delivery.tail import Tail


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

    def __init__(self, options: dict[str, Any], topic: str, position: dict[int, int] | None = None) -> None:
        self.taken: list[bytes] = []
        self.tail = Tail({**options, "fetch_max_wait_ms": 25}, topic, self._take, position)

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
