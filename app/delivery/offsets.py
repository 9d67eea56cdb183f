"""Which offsets of one topic partition are open, so that a commit never passes an unfinished event."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


def _uncounted(_size: int) -> None:
    """Count nothing."""


class OffsetTracker:
    """The offsets of one topic partition, from the oldest unfinished one onwards.

    An offset is `fetched`, then begun, then finished, the last in any order. Offsets may have gaps
    (compaction, transaction markers). After a rebalance the broker delivers again from the last commit:
    what is known already is not begun a second time, so a worker that keeps its partition repeats nothing.

    `count` is told how many bytes are in flight from now on, or no longer.
    """

    __slots__ = ("_begun", "_count", "_finished", "_next", "_order", "_sizes")

    def __init__(self, count: Callable[[int], None] = _uncounted) -> None:
        self._count = count
        self._sizes: dict[int, int] = {}
        self._order: deque[int] = deque()
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._next: int | None = None

    def fetched(self, offset: int, size: int = 0) -> None:
        """Note that the broker delivered `offset`, of `size` bytes; a repeated one changes nothing."""
        if self._next is None or offset >= self._next:
            self._order.append(offset)
            self._next = offset + 1
            if size:
                self._sizes[offset] = size
                self._count(size)

    def passed(self, position: int) -> None:
        """Note that all below `position` was fetched: what is not known here were gaps, such as transaction markers."""
        self._next = max(self._next or 0, position)

    def begin(self, offset: int) -> bool:
        """Return whether `offset` is to be processed now: fetched, and neither begun nor finished before."""
        if offset in self._begun or not self._order or not self._order[0] <= offset < (self._next or 0):
            return False
        self._begun.add(offset)
        return True

    def release(self, offset: int) -> None:
        """Take a begun offset back to fetched: it will be delivered, and begun, again."""
        if offset not in self._finished:
            self._begun.discard(offset)

    def finish(self, offset: int) -> None:
        """Note that all that the event at `offset` caused is acknowledged."""
        if offset not in self._begun:
            return
        self._finished.add(offset)
        if size := self._sizes.pop(offset, 0):
            self._count(-size)
        while self._order and self._order[0] in self._finished:
            done = self._order.popleft()
            self._finished.discard(done)
            self._begun.discard(done)

    def close(self) -> None:
        """Note that nothing of it is in flight any more: the partition is another worker's."""
        if self._sizes:
            self._count(-sum(self._sizes.values()))
            self._sizes.clear()

    @property
    def committable(self) -> int | None:
        """The offset to commit, that of the next event to deliver after a restart; none before anything is known."""
        return self._order[0] if self._order else self._next

    @property
    def open(self) -> int:
        """How many events are begun and not finished."""
        return len(self._begun) - len(self._finished)

    @property
    def unfinished(self) -> bool:
        """Whether an event that was fetched is not finished."""
        return bool(self._order)
