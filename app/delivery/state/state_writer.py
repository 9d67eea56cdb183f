"""Writing the state behind: what has changed goes to the log, then the commits pass the events that changed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from app.delivery.core import Delivery
from app.delivery.outbox import Record
from app.delivery.state.keyed_state import Change, KeyedState
from app.delivery.state.state_log import since_header
from app.errors import InvalidEvent

V = TypeVar("V")
#: Returns the records, as (key, value), that make the log of a former value (None: nothing) that of another one.
Records = Callable[[str, V | None, V | None], Sequence[tuple[str, bytes | None]]]

log = logging.getLogger(__name__)


class StateWriter(Generic[V]):
    """Writes the state of all partitions of one worker to one topic."""

    def __init__(self, delivery: Delivery, records: Records[V], topic: str) -> None:
        self._delivery = delivery
        self._records = records
        self._topic = topic
        self._lock = asyncio.Lock()

    async def write_changes(self, now: float) -> None:
        """Write what has changed, and at `now` (epoch seconds) is to be refreshed, and release its events."""
        async with self._lock:  # or a write that is tried again could overtake a newer one
            taken = [
                (assignment.partition_state.values, change)
                for assignment in self._delivery.assignments
                if assignment.active
                for change in assignment.partition_state.values.take_dirty(now)
            ]
            try:
                await self._write(self._wire(taken))
            except BaseException:  # cancelled, for one: what was not written must still be
                for values, change in taken:
                    values.put_back(change)
                raise
        for values, change in taken:
            values.written(change)
            for release in change.releases:
                release()

    def _wire(self, taken: Sequence[tuple[KeyedState[V], Change[V]]]) -> list[Record]:
        since = {values.partition: values.since for values, _ in taken}
        headers = {partition: [] if at is None else [since_header(at)] for partition, at in since.items()}
        return [
            Record(self._topic, key.encode(), value, headers[values.partition], values.partition)
            for values, change in taken
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

    async def _write(self, records: Sequence[Record]) -> None:
        """Write records in order; one that the broker does not take stays in memory only."""
        try:
            await self._delivery.outbox.write(records)
        except InvalidEvent as error:
            if len(records) == 1:
                log.error("%r is not written: %s", (records[0].key or b"").decode(), error)  # noqa: TRY400  # says it all
                return
            middle = len(records) // 2
            await self._write(records[:middle])
            await self._write(records[middle:])
