"""Writing the state behind: what has changed goes to the log, then the commits pass the events that changed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from app.delivery.assignment.assignment import AssignmentEnded, PartitionAssignment
from app.delivery.core import Delivery
from app.delivery.outbox import Record
from app.delivery.state.keyed_state import Change, KeyedState
from app.delivery.state.state_log import since_headers
from app.errors import InvalidEvent

V = TypeVar("V")
#: Returns the records, as (key, value), that make the log of a former value (None: nothing) that of another one.
Records = Callable[[str, V | None, V | None], Sequence[tuple[str, bytes | None]]]

log = logging.getLogger(__name__)


class StateWriter(Generic[V]):
    """Writes the state of the partitions of one worker to one topic: each by itself, so that none waits for another.

    Within a partition there is one write at a time, or one that is tried again could overtake a newer one.
    """

    def __init__(self, delivery: Delivery, records: Records[V], topic: str) -> None:
        self._delivery = delivery
        self._records = records
        self._topic = topic
        self._defect: Exception | None = None
        self._locks: WeakKeyDictionary[PartitionAssignment, asyncio.Lock] = WeakKeyDictionary()

    async def write_changes(self, now: float) -> None:
        """Write what has changed, and at `now` (epoch seconds) is to be refreshed, and release its events.

        When this is cancelled, the writes that are under way go on. It raises what `begin` does.
        """
        writes = [assignment.spawn(self._write_partition(assignment, now)) for assignment in self._delivery.assignments]
        if writes:
            await asyncio.wait(writes)
        self._raise_defect()

    def begin(self, now: float) -> None:
        """Begin to write what has changed, where no write is under way.

        Raises:
            Exception: an earlier write failed for another reason than the broker: a defect.
        """
        self._raise_defect()
        for assignment in self._delivery.assignments:
            if not self._lock(assignment).locked() and assignment.partition_state.values.is_dirty(now):
                assignment.spawn(self._write_partition(assignment, now))

    def _raise_defect(self) -> None:
        defect, self._defect = self._defect, None
        if defect:
            raise defect

    def _lock(self, assignment: PartitionAssignment) -> asyncio.Lock:
        return self._locks.setdefault(assignment, asyncio.Lock())

    async def _write_partition(self, assignment: PartitionAssignment, now: float) -> None:
        values: KeyedState[V] = assignment.partition_state.values
        async with self._lock(assignment):
            taken = values.take_dirty(now) if assignment.active else []
            try:
                await self._write(self._wire(values, taken), assignment)
            except AssignmentEnded:
                return  # the whole state goes with the assignment
            except BaseException as error:  # cancelled, for one: what was not written must still be
                for change in taken:
                    values.put_back(change)
                if isinstance(error, Exception):
                    self._defect = error
                    return
                raise
        for change in taken:
            values.written(change)
            for release in change.releases:
                release()

    def _wire(self, values: KeyedState[V], taken: Sequence[Change[V]]) -> list[Record]:
        headers = since_headers(values.since)
        return [
            Record(self._topic, key.encode(), value, headers, values.partition)
            for change in taken
            for key, value in self._parts(change).items()
        ]

    def _parts(self, change: Change[V]) -> dict[str, bytes | None]:
        """Return the records of a change; none of a value that cannot be written, so that it holds up no other."""
        try:
            changed = dict(self._records(change.key, change.value, change.before))
            if not change.full:
                return changed
            others = dict(self._records(change.key, change.value, None))
            return {**{key: value for key, value in others.items() if key not in changed}, **changed}
        except Exception:
            log.exception("the state of %s is not written", change.key)
            return {}

    async def _write(self, records: Sequence[Record], assignment: PartitionAssignment) -> None:
        """Write records in order; one that the broker does not take stays in memory only."""
        try:
            await self._delivery.outbox.write(records, assignment)
        except InvalidEvent as error:
            if len(records) == 1:
                log.error("%r is not written: %s", (records[0].key or b"").decode(), error)  # noqa: TRY400  # says it all
                return
            middle = len(records) // 2
            await self._write(records[:middle], assignment)
            await self._write(records[middle:], assignment)
