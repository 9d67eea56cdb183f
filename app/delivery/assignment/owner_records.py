"""The owner's record of each partition, and the care that is taken of events that may have killed former owners.

See `app.delivery.assignment.suspicion` for what is suspected, and why. Where nobody died, this costs a record when a
partition is assigned, one now and then, and one when it is revoked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.delivery.assignment.assignment import AssignmentEnded, PartitionAssignment
from app.delivery.assignment.suspicion import KEY, OwnerRecord, Suspect, Suspicion
from app.delivery.core import Delivery
from app.delivery.outbox import Record
from app.delivery.state.state_log import since_headers

#: So many suspects are under way at once, where none of them must be alone.
_GROUP = 64
_RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)

#: For each topic partition an offset.
Offsets = Mapping[TopicPartition, int]


class GroupOffsets:
    """Tells where the commits of `group` stand in these topics, and where the topics end; `options` are a client's."""

    def __init__(self, options: Mapping[str, Any], group: str, topics: Collection[str]) -> None:
        self._options = options
        self._group = group
        self._topics = topics

    def _of(self, partitions: Collection[int]) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in self._topics for number in partitions]

    async def committed(self, partitions: Collection[int]) -> Offsets:
        """Return up to which offset the partitions of all topics are committed; 0 where nothing is.

        Raises:
            KafkaError: the broker does not say.
        """
        admin = AIOKafkaAdminClient(**self._options)
        try:
            await admin.start()
            found = await admin.list_consumer_group_offsets(self._group, partitions=self._of(partitions))
        finally:
            await admin.close()
        return {tp: max(0, at.offset) for tp, at in found.items()}

    async def ends(self, partitions: Collection[int]) -> Offsets:
        """Return where the partitions of all topics end.

        Raises:
            KafkaError: the broker does not say.
        """
        places = self._of(partitions)
        async with AIOKafkaConsumer(**self._options, enable_auto_commit=False) as consumer:
            consumer.assign(places)
            ends: Offsets = await consumer.end_offsets(places)
            return ends


class SuspectLimiter:
    """Lets suspects be under way, in all partitions together: up to a group of them, or one alone."""

    def __init__(self) -> None:
        self._under_way = 0
        self._alone = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def place(self, *, alone: bool) -> AsyncIterator[None]:
        """Hold a place while the block lasts."""
        async with self._changed:
            most = 1 if alone else _GROUP
            await self._changed.wait_for(lambda: not self._alone and self._under_way < most)
            self._under_way += 1
            self._alone = alone
        try:
            yield
        finally:
            self._under_way -= 1
            self._alone = False
            async with self._changed:
                self._changed.notify_all()


class SuspectHandler:
    """One partition's suspicion, while it lasts, and its owner's record."""

    def __init__(
        self,
        assignment: PartitionAssignment,
        record: OwnerRecord,
        limiter: SuspectLimiter,
        write: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self.record = record
        self._assignment = assignment
        self._limiter = limiter
        self._write = write
        self._lock = asyncio.Lock()
        self._changes = self._saved = 0
        self.released = False

    def of(self, key: str, topic: str, offset: int) -> Suspect | None:
        """Return how an event is suspected, if it is."""
        return self.record.suspicion.of(key, topic, offset)

    @asynccontextmanager
    async def processing(self, suspect: Suspect) -> AsyncIterator[Callable[[], None]]:
        """Process a suspect in the block: it is put on record first that it is under way.

        Yields what is to be called when it was processed to its end: what was let go of, as it had expired, or is
        dead-lettered as poison, may come again.

        Raises:
            AssignmentEnded: the partition went to another worker.
        """
        suspicion = self.record.suspicion
        async with self._limiter.place(alone=suspect.begins_alone):
            await self._assignment.confirm()
            suspicion.begin(suspect)
            try:
                await self.save()
                yield lambda: suspicion.clear(suspect)
            finally:
                suspicion.under_way.pop(suspect.key, None)
            if suspect.begins_alone:  # or it would be taken for one that was under way when the next one kills
                await self.save()

    async def save(self) -> None:
        """Return when the record is on the log as it is now, with one write for all who ask meanwhile."""
        self._changes += 1
        wanted = self._changes
        async with self._lock:
            if self._saved < wanted:
                saving = self._changes
                await self._write(replace(self.record, released=self.released).to_json())
                self._saved = saving

    def let_go(self) -> bool:
        """Let go of what is passed; return whether nothing is left."""
        offset_trackers = self._assignment.offset_trackers
        return self.record.suspicion.let_go(
            {topic: offset_tracker.committable for topic, offset_tracker in offset_trackers.items()}
        )


class OwnerRecords:
    """Keeps the owner's records of this worker's partitions; `me` names this very process."""

    def __init__(
        self,
        delivery: Delivery,
        *,
        me: str,
        state_topic: str,
        places: GroupOffsets,
    ) -> None:
        self._delivery = delivery
        self._me = me
        self._state_topic = state_topic
        self._places = places
        self._limiter = SuspectLimiter()
        self._ended = False
        self._records: dict[PartitionAssignment, SuspectHandler] = {}

    async def take_over(self, found: Mapping[PartitionAssignment, bytes | None]) -> None:
        """Begin to own partitions, of which these are the owner's records as they lie on the log."""
        for gone in [assignment for assignment in self._records if assignment.ended]:
            del self._records[gone]
        before = {assignment: OwnerRecord.from_json(value) if value else None for assignment, value in found.items()}
        # Nobody died who is this process, only cut off for a while, or whom a rebalance released.
        dead = [assignment for assignment, one in before.items() if one and not (one.released or one.owner == self._me)]
        committed = await _insist(self._places.committed, [assignment.partition for assignment in found])
        ends = await _insist(self._places.ends, [assignment.partition for assignment in dead]) if dead else {}
        for assignment, left in before.items():
            stand, suspicion = _in(committed, assignment.partition), Suspicion()
            if left:
                over = _in(ends, assignment.partition)
                suspicion = left.after_death(stand, over) if assignment in dead else left.resumed()
            self._own(assignment, OwnerRecord(self._me, stand, suspicion))
        await asyncio.gather(*(self._save(self._records[assignment]) for assignment in found))

    def _own(self, assignment: PartitionAssignment, record: OwnerRecord) -> None:
        async def write(value: bytes) -> None:
            await assignment.confirm()
            if not self._ended:
                await self._write(assignment, value)

        suspects = self._records[assignment] = SuspectHandler(assignment, record, self._limiter, write)
        suspicion = record.suspicion
        if suspicion.known or suspicion.windows:
            text = "an owner of partition %d died, perhaps of an event: %s are processed with care"
            log.warning(text, assignment.partition, [*suspicion.windows.items(), *suspicion.known])
            assignment.suspects = suspects

    async def _save(self, suspects: SuspectHandler) -> None:
        with suppress(AssignmentEnded):
            await suspects.save()

    async def keep(self, *, interval: float = 1.0, refresh: float) -> None:
        """See to it that the records lie near the end of the log, and that suspicions end; until cancelled."""
        due = time.monotonic() + refresh
        while True:
            await asyncio.sleep(interval)
            again = time.monotonic() >= due
            due = time.monotonic() + refresh if again else due
            for assignment, suspects in self._ours():
                over = assignment.suspects is not None and suspects.let_go()
                if over:
                    assignment.suspects = None
                stayed = suspects.released and assignment.active
                suspects.released = suspects.released and not stayed
                if over or again or stayed:
                    assignment.spawn(self._save(suspects))

    async def pause(self) -> None:
        """Note, before a rebalance, that whoever gets a partition next does not get it by a death."""
        held = [suspects for assignment, suspects in self._ours() if assignment.active]
        for suspects in held:
            suspects.released = True
        await asyncio.gather(*(self._save(suspects) for suspects in held))

    async def end(self) -> None:
        """Take the records off the log: this worker ends in order."""
        self._ended = True
        await asyncio.gather(*(self._remove(assignment) for assignment, _ in self._ours() if assignment.active))

    async def _remove(self, assignment: PartitionAssignment) -> None:
        with suppress(AssignmentEnded):  # the record is the next owner's
            await self._write(assignment, None)

    def _ours(self) -> list[tuple[PartitionAssignment, SuspectHandler]]:
        return [
            (assignment, self._records[assignment])
            for assignment in self._delivery.assignments
            if assignment in self._records
        ]

    async def _write(self, assignment: PartitionAssignment, value: bytes | None) -> None:
        headers = since_headers(assignment.partition_state.values.since)
        record = Record(self._state_topic, KEY.encode(), value, headers, assignment.partition)
        await self._delivery.outbox.write([record], assignment)


async def _insist(ask: Callable[[Collection[int]], Awaitable[Offsets]], partitions: Collection[int]) -> Offsets:
    """Return what the broker says, however long that takes."""
    while True:
        try:
            return await ask(partitions)
        except KafkaError as error:
            log.warning("asking again where the commits of partitions stand after: %r", error)
            await asyncio.sleep(_RETRY_SECONDS)


def _in(offsets: Offsets, partition: int) -> dict[str, int]:
    return {tp.topic: at for tp, at in offsets.items() if tp.partition == partition}
