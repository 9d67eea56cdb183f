"""Events of partitions whose state is still being restored: kept back, in order, while the others go on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.delivery.assignment.assignment import PartitionAssignment

T = TypeVar("T")

#: So many events go on before others have their turn.
_AT_ONCE = 100


class Parking(Generic[T]):
    """Keeps events back until their partition is open.

    For the first one that is kept back, `opened` is awaited, and then `go_on` for each, oldest first; neither may
    raise. What is parked when the assignment ends is its next owner's. The consumer reads no further in a partition
    whose state is not there, so no more is parked than was fetched at once.
    """

    def __init__(
        self, opened: Callable[[PartitionAssignment], Awaitable[None]], resume: Callable[[T], Awaitable[None]]
    ) -> None:
        self._opened = opened
        self._resume = resume
        self._parked: dict[PartitionAssignment, deque[T]] = {}

    def park(self, assignment: PartitionAssignment, item: T, *, is_open: bool) -> bool:
        """Keep an event back, or return False if it may go on now: its partition `is_open`, and none is before it."""
        parked = self._parked.get(assignment)
        if parked is None:
            if is_open:
                return False
            parked = self._parked[assignment] = deque()
            assignment.spawn(self._open(assignment, parked)).add_done_callback(
                lambda _: self._close(assignment, parked)
            )
        parked.append(item)
        return True

    async def _open(self, assignment: PartitionAssignment, parked: deque[T]) -> None:
        await self._opened(assignment)
        gone = 0
        while parked:
            await self._resume(parked[0])
            parked.popleft()  # only now: what comes meanwhile stays behind it
            gone += 1
            if gone % _AT_ONCE == 0:
                await asyncio.sleep(0)
        self._close(assignment, parked)

    def _close(self, assignment: PartitionAssignment, parked: deque[T]) -> None:
        if self._parked.get(assignment) is parked:
            del self._parked[assignment]
