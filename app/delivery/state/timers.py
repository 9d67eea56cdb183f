"""Which keys are due by time, without ever looking at all of them."""

from __future__ import annotations

import heapq

#: So many obsolete entries are not worth a rebuild.
_SLACK = 64


class Timers:
    """At most one time for each key, in epoch seconds."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._at)

    def set(self, key: str, at: float | None) -> None:
        """Have `key` come due at `at` and at no other time; never, for None."""
        if at is None:
            self._at.pop(key, None)
        elif self._at.get(key) != at:
            self._at[key] = at
            heapq.heappush(self._heap, (at, key))
            self._tidy()

    def _tidy(self) -> None:
        """Rebuild the heap when most of it is obsolete: a key whose time changes often must not fill it."""
        if len(self._heap) > 2 * len(self._at) + _SLACK:
            self._heap = [(at, key) for key, at in self._at.items()]
            heapq.heapify(self._heap)

    @property
    def first(self) -> float | None:
        """The next time at which a key is due; none when no key ever is."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float, at_most: int) -> list[tuple[str, float]]:
        """Take out and return up to `at_most` keys whose time has come, with their times, the earliest first."""
        found: list[tuple[str, float]] = []
        while len(found) < at_most and (first := self.first) is not None and first <= now:
            _, key = heapq.heappop(self._heap)
            found.append((key, self._at.pop(key)))
        return found
