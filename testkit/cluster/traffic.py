"""What a test puts on topics, and what it finds there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from app.errors import InvalidEvent
from topics import DEAD_LETTERS, MODEL_RESPONSES, RESULTS, RETRIEVAL_RESULTS
from topics.results import Result
from topics.tasks import Task

_BIG = 20 * 1024 * 1024


class Traffic:
    """Feeds tasks, and collects from the outgoing topics while its block runs.

    `results` has all values of each key, in order; `recorded` the time (epoch seconds) at which each model
    request was first answered on its topic; `retrieved` the number of results of each retrieval request.
    """

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.servers, self.prefix = bootstrap_servers, prefix
        self.results: defaultdict[str, list[Result]] = defaultdict(list)
        self.recorded: dict[str, float] = {}
        self.retrieved: defaultdict[str, int] = defaultdict(int)
        self.dead: list[ConsumerRecord] = []
        self._take: dict[str, Callable[[ConsumerRecord], None]] = {
            prefix + RESULTS.name: self._result,
            prefix + MODEL_RESPONSES.name: self._response,
            prefix + RETRIEVAL_RESULTS.name: self._retrieval,
            prefix + DEAD_LETTERS.name: self.dead.append,
        }
        self.last_news = time.monotonic()

    async def __aenter__(self) -> Self:
        self.producer = AIOKafkaProducer(
            bootstrap_servers=self.servers, enable_idempotence=True, max_request_size=_BIG, max_batch_size=4096
        )
        self._consumer = AIOKafkaConsumer(
            *self._take, bootstrap_servers=self.servers, auto_offset_reset="earliest", max_partition_fetch_bytes=_BIG
        )
        await self.producer.start()
        await self._consumer.start()
        self._collecting = asyncio.create_task(self._collect())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._collecting.cancel()
        await asyncio.gather(self._collecting, return_exceptions=True)
        await self._consumer.stop()
        await self.producer.stop()

    async def feed(self, task: Task) -> None:
        """Send a task that has an id; returns when it is in a batch."""
        assert task.id
        await self.producer.send(self.prefix + "tasks", task.to_json(), key=task.id.encode())

    async def _collect(self) -> None:
        while True:
            for tp, records in (await self._consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    self._take[tp.topic](record)

    def _result(self, record: ConsumerRecord) -> None:
        self.results[record.key.decode()].append(Result.model_validate_json(record.value))
        self.last_news = time.monotonic()

    def _response(self, record: ConsumerRecord) -> None:
        with contextlib.suppress(InvalidEvent):  # which some tests send
            response = MODEL_RESPONSES.parse(record.value, max_bytes=_BIG)
            if response.error is None:
                self.recorded.setdefault(response.id, record.timestamp / 1000)

    def _retrieval(self, record: ConsumerRecord) -> None:
        with contextlib.suppress(InvalidEvent):  # likewise
            self.retrieved[RETRIEVAL_RESULTS.parse(record.value, max_bytes=_BIG).id] += 1

    async def until(self, holds: Callable[[], bool], *, seconds: float) -> None:
        """Return when `holds` does.

        Raises:
            TimeoutError: it does not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not holds():
                assert not self._collecting.done(), self._collecting
                await asyncio.sleep(0.05)

    async def lag(self, group: str) -> dict[TopicPartition, int]:
        """Return how many messages the group has not committed, where that is not 0, on what it ever read."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            committed = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
        ends = await self._consumer.end_offsets(list(committed))
        return {tp: ends[tp] - at.offset for tp, at in committed.items() if ends[tp] > at.offset}
