"""Raw records on the topics of an orchestrator that runs, as any producer sends them and any consumer reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.e2e.commands import PATIENCE

Headers = Sequence[tuple[str, bytes]]


class RawTopics:
    """Puts bytes on topics of `partitions` partitions, and reads what is there; use it in `async with`."""

    def __init__(self, servers: str, partitions: int) -> None:
        self._servers = servers
        self._partitions = partitions

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._servers)
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int = 0, headers: Headers = ()
    ) -> None:
        """Return when the broker has the record."""
        await self._producer.send_and_wait(topic, value, key, partition, headers=[*headers])

    async def until(self, topic: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Return all records of a topic as soon as they are enough."""
        async with asyncio.timeout(PATIENCE):
            while not enough(records := await self.records(topic)):  # noqa: ASYNC110  # the broker tells nobody
                await asyncio.sleep(0.1)
        return records

    async def records(self, topic: str) -> list[Any]:
        """Return all records that a topic has now, oldest first."""
        async with AIOKafkaConsumer(bootstrap_servers=self._servers, fetch_max_wait_ms=100) as consumer:
            partitions = [TopicPartition(topic, number) for number in range(self._partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []
            # A worker leaves a transaction marker in each partition that it is assigned: an offset without a record.
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return sorted(found, key=lambda record: record.timestamp)

    async def results(self, *ids: str) -> dict[str, Any]:
        """Return the last result of each of these tasks, when all have one."""

        def enough(records: list[Any]) -> bool:
            return {record.key.decode() for record in records} >= set(ids)

        return {record.key.decode(): json.loads(record.value) for record in await self.until("results", enough)}
