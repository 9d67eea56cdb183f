"""Who may take which part of what is bounded, so that one who is slow does not take all of it."""

from __future__ import annotations

import math
from collections import defaultdict
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")

#: How much of what is free one kind may hold: one that is slow takes 8 of 9 parts, two take 8 of 17 each, and so on.
_SHARE_OF_FREE = 8.0


class FairQueue(Generic[T]):
    """So many `slots` for items of several kinds; what may not have one yet is parked, up to `room` items.

    A kind may hold `_SHARE_OF_FREE` times as many slots as are free, so that a slow one leaves some to the others; the
    more kinds are slow, the less each of them holds. Alone, without `shared`, a kind may hold all. Of one kind, items
    of the highest priority are next, and of one priority, those that came first.

    Source: Abhijit Choudhury and Ellen Hahne, "Dynamic queue length thresholds for shared-memory packet
    switches", 1998.
    """

    def __init__(self, slots: int, *, room: int = 0, shared: bool = True) -> None:
        self._free = slots
        self._room = room
        self._share_of_free = _SHARE_OF_FREE if shared else math.inf
        self._held: defaultdict[str, int] = defaultdict(int)
        #: Each with its priority, negated, and its arrival: the numbers differ, so that no items are compared.
        self._parked: dict[str, list[tuple[int, int, T]]] = {}
        self._arrivals = count()
        self.parked = 0

    @property
    def full(self) -> bool:
        """Whether nothing more is to be offered: more is parked than there is room for."""
        return self.parked > self._room

    def offer(self, lane: str, item: T, priority: int = 0) -> bool:
        """Give the item a slot and return true, or park it: then `release` returns it one day."""
        if lane not in self._parked and self._may_have(lane):
            self._hold(lane)
            return True
        heappush(self._parked.setdefault(lane, []), (-priority, next(self._arrivals), item))
        self.parked += 1
        return False

    def release(self, lane: str) -> list[T]:
        """Take a slot back; return the parked items that have been given one now."""
        self._free += 1
        self._held[lane] -= 1
        if not self._held[lane]:
            del self._held[lane]
        return self._start() if self._parked else []

    def _may_have(self, lane: str) -> bool:
        # A kind that holds nothing gets what is free, however little the threshold would leave it.
        return self._free > 0 and self._held.get(lane, 0) < max(1.0, self._share_of_free * self._free)

    def _hold(self, lane: str) -> None:
        self._free -= 1
        self._held[lane] += 1

    def _start(self) -> list[T]:
        started: list[T] = []
        # The kind that holds the least first.
        for lane in sorted(self._parked, key=lambda one: self._held.get(one, 0)):
            while lane in self._parked and self._may_have(lane):
                started.append(self._unpark(lane))
        return started

    def _unpark(self, lane: str) -> T:
        line = self._parked[lane]
        *_, item = heappop(line)
        if not line:
            del self._parked[lane]
        self.parked -= 1
        self._hold(lane)
        return item
