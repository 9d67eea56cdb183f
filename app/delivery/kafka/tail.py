"""Following a whole topic, outside of any consumer group: each worker reads all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.kafka.kafka_private import end_fetches_when_cancelled, learn_topic, look_less_often
from app.delivery.state.state_log import Progress, end_of

#: A fetch that waits for more is of no use to whoever asks for the end.
_FETCH_WAIT_MS = 5
#: A position that passes what is no record comes with no record: so it is looked at now and then, and less often where
#: nobody waits for it.
_ROUND_MS, _IDLE_ROUND_MS = 200, 1000
_LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class Tail:
    """Calls `apply` with each record of a topic, from `position` on, for as long as it runs.

    `position` maps each partition to the next offset to read; it is kept up to date, so that whoever
    persists what was applied can persist it too. With `from_end`, where it is silent, the topic's end counts: only
    what comes from now on is read. `options` are those of any aiokafka consumer; `pace` among them is how often it
    asks while nothing comes (see `fetch_pace`).
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topic: str,
        apply: Callable[[Any], Awaitable[None]],
        position: dict[int, int] | None = None,
        *,
        from_end: bool = False,
    ) -> None:
        self.position = position if position is not None else {}
        self.caught_up = asyncio.Event()
        self._options = dict(options)
        self._pace: FetchPace = self._options.pop("pace", None) or FetchPace()
        self._topic = topic
        self._apply = apply
        self._from_end = from_end
        self._moved = asyncio.Event()
        self._awaited = 0

    async def run(self) -> None:
        """Follow the topic until cancelled; a broker that is away is waited for."""
        while True:
            try:
                await self._follow()
            except KafkaError as error:
                log.warning("reading %s again after: %r", self._topic, error)
                await asyncio.sleep(1.0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the topic while the context lasts."""
        following = asyncio.create_task(self.run())
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    async def reach_end(self) -> None:
        """Return when all is applied that the topic holds now; it must be running meanwhile."""
        self._awaited += 1
        try:
            goal = await self._ask_for_end()
            while any(self.position.get(partition, 0) < end for partition, end in goal.items()):
                self._moved.clear()
                await self._moved.wait()
        finally:
            self._awaited -= 1

    async def _ask_for_end(self) -> dict[int, int]:
        """Return where each partition that holds something ends, asked until the broker answers."""
        while True:
            try:
                return await self._ends()
            except KafkaError as error:
                log.warning("asking for the end of %s again after: %r", self._topic, error)
                await asyncio.sleep(1.0)

    async def _ends(self) -> dict[int, int]:
        # A consumer of its own: the requests of the one that follows would wait behind its fetches, and only a
        # fetch that is begun from now on says truly where the log ends now (see `end_of`).
        async with self._consumer(fetch_max_wait_ms=_FETCH_WAIT_MS) as consumer:
            tps = await self._partitions(consumer)
            begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            consumer.assign(tps)
            filled = [tp for tp in tps if ends[tp] > begins[tp]]
            for tp in tps:
                consumer.seek(tp, ends[tp])
            while any(consumer.highwater(tp) is None for tp in filled):
                await consumer.getmany(*filled, timeout_ms=_FETCH_WAIT_MS)
            return {tp.partition: end_of(consumer, tp, ends[tp]) for tp in filled}

    @asynccontextmanager
    async def _consumer(self, **special: Any) -> AsyncIterator[AIOKafkaConsumer]:
        options = {**self._options, "enable_auto_commit": False, "auto_offset_reset": "earliest", **special}
        consumer = AIOKafkaConsumer(**options)
        await consumer.start()
        end_fetches_when_cancelled(consumer)
        look_less_often(consumer, _LOOK_SECONDS)
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _follow(self) -> None:
        async with self._consumer() as consumer:
            self._pace.attach(consumer, self._topic)
            goal, progress = await self._start_at(consumer), Progress(consumer)
            self._check(consumer, goal)
            while True:
                idle = self.caught_up.is_set() and not self._awaited
                found = await consumer.getmany(timeout_ms=_IDLE_ROUND_MS if idle else _ROUND_MS)
                for tp, records in found.items():
                    for record in records:
                        await self._apply(record)
                    self.position[tp.partition] = records[-1].offset + 1
                for tp in consumer.assignment():  # all that it has passed is applied
                    if passed := await progress.at(tp):
                        self.position[tp.partition] = passed
                self._moved.set()
                self._check(consumer, goal)

    async def _start_at(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        """Assign all partitions, and return where each of them ends now."""
        tps = await self._partitions(consumer)
        # Before any is assigned: behind a fetch that waits at the broker, these questions would wait as long.
        begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        consumer.assign(tps)
        for tp in tps:
            if self._from_end:
                self.position.setdefault(tp.partition, ends[tp])
            wanted = self.position.get(tp.partition, begins[tp])
            # A log that was deleted and made anew is shorter than what we remember: read it from its start.
            consumer.seek(tp, wanted if begins[tp] <= wanted <= ends[tp] else begins[tp])
        return {tp: ends[tp] for tp in tps if ends[tp] > begins[tp]}

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        await learn_topic(consumer, self._topic)
        numbers = sorted(consumer.partitions_for_topic(self._topic) or ())
        return [TopicPartition(self._topic, number) for number in numbers]

    def _check(self, consumer: AIOKafkaConsumer, goal: Mapping[TopicPartition, int]) -> None:
        if not self.caught_up.is_set() and all(
            self.position.get(tp.partition, 0) >= end_of(consumer, tp, end) for tp, end in goal.items()
        ):
            self.caught_up.set()
