"""The time for which this worker owns a partition, and what it holds for that time.

All topics have the same number of partitions and are assigned together, so an assignment is of a partition
number. A rebalance suspends every assignment; the partitions that come back go on with what they had, and
the others end. Nothing is recorded for a partition outside of its assignment: its next owner has read the
log by then, and would not see it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol, TypeVar

from app.delivery.assignment.suspicion import Suspect
from app.delivery.in_flight import InFlight
from app.delivery.offsets import OffsetTracker
from app.delivery.state.partition_state import PartitionState
from app.errors import BrokerError

T = TypeVar("T")

log = logging.getLogger(__name__)

_LEASE_POLL = 0.05

#: Seconds by a clock that goes on while the machine sleeps, where the system has one: the group goes on, too.
lease_clock: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)


class AssignmentEnded(Exception):
    """The partition has gone to another worker: leave the event to it."""


class Lease:
    """For how long the group surely still counts on us: a session time-out from the last heartbeat that it answered.

    A worker that was cut off has lost its partitions before it can be told. Until it knows, it begins nothing.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self._renewed = lease_clock()

    def renew(self, at: float) -> None:
        """Note a heartbeat that was sent at `at` (by `lease_clock`), and answered."""
        self._renewed = max(self._renewed, at)

    @property
    def held(self) -> bool:
        """Whether no other worker can have been given our partitions yet."""
        return lease_clock() - self._renewed < self.seconds


class SuspectProcessing(Protocol):
    """What processes events with care that may have killed former owners of the partition."""

    def of(self, key: str, topic: str, offset: int) -> Suspect | None:
        """Return how an event is suspected, if it is."""
        ...

    def processing(self, suspect: Suspect) -> AbstractAsyncContextManager[Callable[[], None]]:
        """Process a suspect in the block, and call what is given when nobody died of it."""
        ...


class PartitionAssignment:
    """One partition number, while it is ours; `partition_state` is what the owner keeps for it."""

    def __init__(
        self,
        partition: int,
        partition_state: PartitionState,
        lease: Lease | None = None,
        in_flight: InFlight | None = None,
    ) -> None:
        self.partition = partition
        self._lease = lease or Lease()
        self.partition_state = partition_state
        self.ended = False
        #: Knows which events may have killed former owners; None where there is no such suspicion.
        self.suspects: SuspectProcessing | None = None
        self.offset_trackers = _OffsetTrackers(in_flight or InFlight())
        self._settled = asyncio.Event()
        self._settled.set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._at_end: list[Callable[[], None]] = []

    @property
    def active(self) -> bool:
        """Whether the partition is ours beyond doubt, with no rebalance under way."""
        return self._settled.is_set() and not self.ended and self._lease.held

    async def confirm(self) -> None:
        """Return when the partition is ours beyond doubt; waits while a rebalance is under way.

        Raises:
            AssignmentEnded: it went to another worker.
        """
        await self._settled.wait()
        while not (self.ended or self._lease.held):  # renewed in the consumer's thread, which knows no loop of ours
            await asyncio.sleep(_LEASE_POLL)
            await self._settled.wait()
        if self.ended:
            raise AssignmentEnded

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` until it ends or the assignment does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        """Look at how a task has ended: what fails here leaves its event open, and nobody else would notice."""
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error and not self.ended:
            text = "work in partition %d ended before its time, and the event is held up until the next owner has it"
            log.critical(text, self.partition, exc_info=error)

    @property
    def tasks(self) -> frozenset[asyncio.Task[Any]]:
        """What is running for this partition."""
        return frozenset(self._tasks)

    def at_end(self, call: Callable[[], None]) -> None:
        """Have `call` called when the assignment ends, before anything else can happen."""
        self._at_end.append(call)

    def suspend(self) -> None:
        """Note that a rebalance has begun."""
        self._settled.clear()

    def resume(self) -> None:
        """Note that the partition stayed ours."""
        self._settled.set()

    def end(self) -> None:
        """Give the partition up: its work is cancelled, and its events are left to the next owner."""
        self.ended = True
        self._settled.set()
        self.partition_state.finish_loading()  # wakes those who wait for it; they find the assignment ended
        for task in self._tasks:
            task.cancel()
        while self._at_end:
            self._at_end.pop()()
        for offset_tracker in self.offset_trackers.values():
            offset_tracker.close()


class _OffsetTrackers(dict[str, OffsetTracker]):
    """The offset trackers by topic, each made when it is first asked for."""

    def __init__(self, in_flight: InFlight) -> None:
        super().__init__()
        self._in_flight = in_flight

    def __missing__(self, topic: str) -> OffsetTracker:
        offset_tracker = self[topic] = OffsetTracker(partial(self._in_flight.add, topic))
        return offset_tracker


class Assignments:
    """All partitions that this worker owns now.

    `new_partition_state` makes what a new owner keeps, and `on_new` is told of new assignments, to fill it. `rejoin`,
    which the consumer sets, has the group hand out its partitions again.
    """

    def __init__(
        self,
        new_partition_state: Callable[[int], PartitionState],
        on_new: Callable[[list[PartitionAssignment]], None] = lambda _new: None,
    ) -> None:
        self._new_partition_state = new_partition_state
        self._on_new = on_new
        self._by_partition: dict[int, PartitionAssignment] = {}
        self.suspended = self.leaving = False
        self.lease = Lease()
        self.rejoin: Callable[[], None] = lambda: None
        self.in_flight = InFlight()

    def __iter__(self) -> Iterator[PartitionAssignment]:
        return iter(tuple(self._by_partition.values()))

    def __len__(self) -> int:
        return len(self._by_partition)

    def get(self, partition: int) -> PartitionAssignment | None:
        """Return the assignment of `partition`, if it is ours."""
        return self._by_partition.get(partition)

    def suspend(self) -> None:
        """A rebalance begins."""
        self.suspended = True
        for assignment in self:
            assignment.suspend()

    def leave(self) -> None:
        """The worker leaves the group: what it held is committed, and it asks for no partitions again."""
        self.leaving = True

    def assign(self, assigned: Iterable[tuple[str, int]]) -> None:
        """A rebalance ends with these (topic, partition) pairs.

        Raises:
            BrokerError: the topics were not assigned together, so that a run's events would not meet.
        """
        by_topic: defaultdict[str, set[int]] = defaultdict(set)
        for topic, partition in assigned:
            by_topic[topic].add(partition)
        partitions = next(iter(by_topic.values()), set())
        if any(others != partitions for others in by_topic.values()):
            raise BrokerError(
                "the topics of this group are not assigned together; give all of them the same number of partitions, "
                "and run the same agents in every worker of the group"
            )
        for gone in [assignment for assignment in self if assignment.partition not in partitions]:
            del self._by_partition[gone.partition]
            gone.end()
        self.suspended = False
        for assignment in self:
            assignment.resume()
        new = [
            PartitionAssignment(partition, self._new_partition_state(partition), self.lease, self.in_flight)
            for partition in partitions - set(self._by_partition)
        ]
        self._by_partition.update((assignment.partition, assignment) for assignment in new)
        if new:
            self._on_new(new)

    def lose(self, assignment: PartitionAssignment) -> None:
        """Give up an assignment that somebody shut out at the broker, whatever the group says; and ask the group again.

        If the partition is still ours, a new assignment shuts out the other one, reads back and processes again what is
        not committed. An earlier assignment of the same partition may be named here late: that changes nothing.
        """
        if self._by_partition.get(assignment.partition) is assignment:
            log.warning("partition %d has another owner: what this worker held of it is dropped", assignment.partition)
            del self._by_partition[assignment.partition]
            assignment.end()
            if not self.leaving:
                self.rejoin()

    def committable(self) -> dict[tuple[str, int], int]:
        """Return the offset to commit for each (topic, partition) that was read."""
        return {
            (topic, assignment.partition): offset
            for assignment in self
            for topic, offset_tracker in assignment.offset_trackers.items()
            if (offset := offset_tracker.committable) is not None
        }
