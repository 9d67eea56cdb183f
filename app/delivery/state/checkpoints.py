"""Writing down what was answered, a moment later: see `app.delivery.state.answered_requests`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from aiokafka.errors import MessageSizeTooLargeError

from app.delivery.assignment.assignment import PartitionAssignment
from app.delivery.core import Delivery
from app.delivery.envelope import first
from app.delivery.outbox import Record
from app.delivery.state.state_log import since_headers


class Checkpoints:
    """Notes what is sent to `answers`, topics by their full names, and writes it down on the `state_topic`."""

    def __init__(self, delivery: Delivery, *, state_topic: str, answers: Collection[str]) -> None:
        self._delivery = delivery
        self._state_topic = state_topic
        self._answers = answers
        self._locks: WeakKeyDictionary[PartitionAssignment, asyncio.Lock] = WeakKeyDictionary()
        delivery.outbox.watch = self._watch

    def _watch(self, record: Record, sent: asyncio.Future[Any]) -> None:
        """Note what comes of a record as soon as it is known: of one partition, in the order in which records lie."""
        if record.topic in self._answers and record.partition is not None:
            assignment, event_id = self._delivery.assignments.get(record.partition), first(record.headers, "ce_id")
            if assignment is not None and event_id:
                sent.add_done_callback(partial(_note, assignment, record.topic, event_id))

    async def keep(self, *, interval: float = 1.0) -> None:
        """Write down every `interval` seconds what is new, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            await self.write()

    async def write(self) -> None:
        """Return when all is written down that was acknowledged, or its partition has gone to another worker."""
        writes = [
            assignment.spawn(self._write(assignment))
            for assignment in self._delivery.assignments
            if assignment.partition_state.is_loaded
        ]
        if writes:
            await asyncio.wait(writes)

    async def _write(self, assignment: PartitionAssignment) -> None:
        answered = assignment.partition_state.answered
        async with self._locks.setdefault(assignment, asyncio.Lock()):  # none may cover what an earlier one still lacks
            now = time.time()
            if not assignment.active or (checkpoint := answered.checkpoint(now)) is None:
                return
            headers = since_headers(assignment.partition_state.values.since)
            records = checkpoint.records(now)
            try:
                await self._delivery.outbox.write(
                    [
                        Record(self._state_topic, key.encode(), value, headers, assignment.partition)
                        for key, value in records
                    ],
                    assignment,
                )
            except BaseException:  # cancelled, for one
                answered.put_back(checkpoint)
                raise
            answered.written(checkpoint, now)


def _note(assignment: PartitionAssignment, topic: str, event_id: str, sent: asyncio.Future[Any]) -> None:
    error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
    if error is None:
        assignment.partition_state.answered.acknowledged(event_id, topic, sent.result().offset, time.time())
    elif not isinstance(error, MessageSizeTooLargeError):  # which the broker has surely not recorded
        assignment.partition_state.answered.doubt(event_id)
