"""When syncs begin without anybody asking: by time, and when a source says that it has changed.

The owner of a source's partition sends the requests. The id of a scheduled one is made of the number of its period, so
that of several workers that send it, as in a rebalance, only the first has an effect.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from uuid import uuid4
from weakref import WeakKeyDictionary

from app.cancellation import ends_task
from app.delivery.assignment.assignment import Assignments, PartitionAssignment
from app.delivery.envelope import Outgoing
from app.partitioner import partition_of
from app.sources.registry import ConfiguredSource
from topics import SYNC_REQUESTS
from topics.sync_requests import SyncRequest

#: Seconds between two looks at the clock, after a change until the sync begins, and until a watch that has failed is
#: begun again.
_TICK, _SETTLE, _AGAIN = 0.5, 0.5, 10.0

log = logging.getLogger(__name__)

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]


class SyncSchedule:
    """Begins the syncs of the sources whose partitions this worker owns."""

    def __init__(
        self,
        sources: Mapping[str, ConfiguredSource],
        assignments: Assignments,
        publish: Publish,
        partitions: int,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources = sources
        self._assignments = assignments
        self._publish = publish
        self._partitions = partitions
        self._clock = clock
        self._begun: WeakKeyDictionary[PartitionAssignment, dict[str, int]] = WeakKeyDictionary()
        self._watching: dict[str, tuple[PartitionAssignment, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Begin syncs until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(_TICK)
        finally:
            for _, task in self._watching.values():
                task.cancel()
            await asyncio.gather(*(task for _, task in self._watching.values()), return_exceptions=True)

    async def look(self) -> None:
        """Begin the syncs that are due now, and watch the sources that are ours."""
        due: list[Outgoing] = []
        for name, source in self._sources.items():
            assignment = self._assignments.get(partition_of(name, self._partitions))
            owned = assignment if assignment and assignment.active and assignment.partition_state.ready else None
            if owned and (period := source.settings.schedule):
                begun, slot = self._begun.setdefault(owned, {}), slot_of(name, period, self._clock())
                if begun.get(name, -1) < slot:
                    begun[name] = slot
                    due.append(
                        self._request(SyncRequest(id=f"{name}-{slot}", source=name, trigger="schedule", slot=slot))
                    )
            if source.settings.watch:
                self._watch(name, source, owned)
        if due:
            await self._publish(due)

    def _request(self, request: SyncRequest) -> Outgoing:
        home = partition_of(request.source, self._partitions)
        return Outgoing(SYNC_REQUESTS, request.source, request, f"{request.id}/0", home)

    def _watch(self, name: str, source: ConfiguredSource, owned: PartitionAssignment | None) -> None:
        watching = self._watching.get(name)
        if watching and watching[0] is not owned:
            watching[1].cancel()
            del self._watching[name]
            watching = None
        if owned and watching is None:
            self._watching[name] = owned, asyncio.create_task(self._follow(name, source))

    async def _follow(self, name: str, source: ConfiguredSource) -> None:
        """Begin a sync now, and whenever the source has changed; a watch that fails is begun again."""
        while True:
            opened = None
            try:
                await self._changed(name)
                opened = await source.open()
                async for _ in opened.changes():  # type: ignore[attr-defined]  # the registry has looked
                    await asyncio.sleep(_SETTLE)
                    await self._changed(name)
            except BaseException as error:
                if ends_task(error):
                    raise
                log.warning("the source %s cannot be watched: %s", name, type(error).__name__)
            finally:
                if opened is not None:
                    with suppress(Exception):
                        await opened.close()
            await asyncio.sleep(_AGAIN)

    async def _changed(self, name: str) -> None:
        await self._publish([self._request(SyncRequest(id=uuid4().hex, source=name, trigger="change"))])


def slot_of(name: str, period: float, now: float) -> int:
    """Return the number of the period that `now` is in; periods of different sources begin at different times."""
    share = int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) / 2**32
    return int(now / period + share)
