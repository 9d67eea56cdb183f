"""What deciders remember, by key, for the partitions that this worker owns.

The state lives in memory and on a compacted topic. It is written behind: an event changes the memory at
once, its consequences are sent at once, and its offset is held until the changed state is written too, a
moment later and together with other changes. So a run that ends quickly is written once, not at each of
its events. State is written only when all that it caused is acknowledged; a crash before that delivers
the events again, and they cause the same events with the same ids.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")
Release = Callable[[], None]


class PartitionState(Generic[V]):
    """The values of one partition; `wake_at` tells when a value wants attention by time, if ever."""

    def __init__(self, partition: int, wake_at: Callable[[V], float | None]) -> None:
        self.partition = partition
        self._wake_at = wake_at
        self._values: dict[str, V] = {}
        self._timers: list[tuple[float, str]] = []
        self._dirty: dict[str, list[Release]] = {}
        self._unsettled: dict[str, int] = {}
        self._writing: set[str] = set()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[V]:
        return iter(tuple(self._values.values()))

    def get(self, key: str) -> V | None:
        """Return the value of `key`, if there is one."""
        return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        """Set a value in memory, and its timer; `changed` must follow when its consequences are sent."""
        self._values[key] = value
        if (at := self._wake_at(value)) is not None:
            heapq.heappush(self._timers, (at, key))

    def drop(self, key: str) -> None:
        """Forget a value, or, while it is still to be written, have it come due again; its log entry ages out."""
        if key not in self._dirty and key not in self._unsettled and key not in self._writing:
            self._values.pop(key, None)
        elif (at := self._wake_at(self._values[key])) is not None:
            heapq.heappush(self._timers, (at, key))

    def due(self, now: float) -> list[tuple[str, V]]:
        """Take out and return the keys whose time has come, with their values."""
        found: dict[str, V] = {}
        while self._timers and self._timers[0][0] <= now:
            at, key = heapq.heappop(self._timers)
            value = self._values.get(key)
            if value is not None and self._wake_at(value) == at:  # else the value has changed since
                found[key] = value
        return list(found.items())

    def unsettled(self, key: str) -> None:
        """Note that consequences of a change of `key` are being sent."""
        self._unsettled[key] = self._unsettled.get(key, 0) + 1

    def settled(self, key: str) -> None:
        """Note that they are acknowledged, or given up."""
        if self._unsettled[key] == 1:
            del self._unsettled[key]
        else:
            self._unsettled[key] -= 1

    def changed(self, key: str, release: Release) -> None:
        """Have the value written soon; `release` is called when it is."""
        self._dirty.setdefault(key, []).append(release)

    def put_back(self, key: str, releases: list[Release]) -> None:
        """Have a value written after all that was taken out, and could not be."""
        self._writing.discard(key)
        self._dirty[key] = [*releases, *self._dirty.get(key, ())]

    def written(self, key: str) -> None:
        """Note that a value that was taken out is written."""
        self._writing.discard(key)

    def take_dirty(self) -> list[tuple[str, V, list[Release]]]:
        """Take out and return what is to be written now: the changed values whose consequences are acknowledged.

        `written` or `put_back` must follow for each.
        """
        ready = [key for key in self._dirty if key not in self._unsettled]
        self._writing.update(ready)
        return [(key, self._values[key], self._dirty.pop(key)) for key in ready]
