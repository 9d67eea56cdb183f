"""A driver: sends tasks, and measures the time until their results arrive."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app.brokers.base import Connection
from topics import RESULTS, TASKS


class ResultsTimeout(Exception):
    """Results did not arrive in time."""


class Driver:
    """Sends to the tasks topic and reads the results topic of one prefix."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, prefix: str) -> None:
        self._producer = producer
        self._consumer = consumer
        self._topic = prefix + TASKS.name
        self._numbers = count()

    async def burst(self, tasks: int) -> float:
        """Send this many tasks as fast as possible; return the seconds from the first to the last result."""
        started = time.perf_counter()
        ids = set()
        for _ in range(tasks):
            ids.add(await self.send())
        await self._producer.flush()
        await self.results(ids)
        return time.perf_counter() - started

    async def one_by_one(self, tasks: int) -> list[float]:
        """Send each task when the previous one is answered; return the seconds of each."""
        return [await self.burst(1) for _ in range(tasks)]

    async def send(self) -> bytes:
        """Add one task to the next batch, and return its id."""
        number = next(self._numbers)
        key = f"task-{number}".encode()
        task = {"id": key.decode(), "input": {"question": f"What is said about number {number}?"}}
        await self._producer.send(self._topic, json.dumps(task).encode(), key=key)
        return key

    async def results(self, ids: Iterable[bytes], *, seconds: float = 120.0) -> None:
        """Wait until each of these tasks has a result.

        Raises:
            ResultsTimeout: some had none in time.
        """
        missing, end = set(ids), time.monotonic() + seconds
        while missing:
            if time.monotonic() > end:
                raise ResultsTimeout(f"{len(missing)} tasks have no result after {seconds:g} s")
            missing.difference_update(await self.some())

    async def some(self) -> list[bytes]:
        """Return the task ids of received results, after waiting at most half a second for one."""
        batches = await self._consumer.getmany(timeout_ms=500)
        return [record.key for records in batches.values() for record in records]


@asynccontextmanager
async def driving(connection: Connection, prefix: str, partitions: int) -> AsyncIterator[Driver]:
    """Yield a driver for existing topics."""
    options = connection.options
    consumer = AIOKafkaConsumer(**options, fetch_max_wait_ms=connection.fetch_wait_ms)
    async with AIOKafkaProducer(**options) as producer, consumer:
        tps = [TopicPartition(prefix + RESULTS.name, number) for number in range(partitions)]
        consumer.assign(tps)
        await consumer.seek_to_end(*tps)
        yield Driver(producer, consumer, prefix)
