"""The state of the stateful agents, by key, for the partitions that this worker owns.

The state lives in memory and on a compacted topic. It is written behind: an event changes the memory at
once, its consequences are sent at once, and its offset is held until the changed state is written too, a
moment later and together with other changes. So a run that ends quickly is written once, not at each of
its events. State is written only when all that it caused is acknowledged; a crash before that delivers
the events again, and they cause the same events with the same ids.

The next owner reads back only the end of the log. So what lasts is written again, in full, at least every
`refresh` seconds, and `since` tells how far back the log must be read.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.delivery.state.timers import Timers

V = TypeVar("V")
Release = Callable[[], None]

#: How many values are written again at once, so that a long pause of all workers does not make a long one of this one.
_REFRESHES = 200


@dataclass(frozen=True, slots=True)
class Change(Generic[V]):
    """A value to write: what the log holds of the key is to become `value`.

    `value` is None when the key is forgotten, `before` when the log does not hold it. With `full`, all of it
    is written, as of `at` (epoch seconds), not only what has changed. `releases` are to be called afterwards.
    """

    key: str
    value: V | None
    before: V | None
    full: bool
    at: float
    releases: list[Release]


class KeyedState(Generic[V]):
    """The values of one partition.

    `wake_at` tells when a value wants attention by time, if ever, and `lasts` whether it must survive for as
    long as it takes: what does not last is remembered for a while only, and may be lost with the old log.
    """

    def __init__(
        self,
        partition: int,
        wake_at: Callable[[V], float | None],
        *,
        lasts: Callable[[V], bool] = lambda _value: True,
        refresh: float = 300.0,
    ) -> None:
        self.partition = partition
        #: The keys that were read back from the log and are still to be woken.
        self.restored: deque[str] = deque()
        #: Since when the oldest record of something else lies on the same log that is still needed, if there is one.
        self.also_since: Callable[[], float | None] = lambda: None
        self._wake_at = wake_at
        self._lasts = lasts
        self._refresh = refresh
        self._values: dict[str, V] = {}
        self._written: dict[str, V] = {}
        self._timers = Timers()
        self._refreshes = Timers()
        self._dirty: dict[str, list[Release]] = {}
        self._overdue: dict[str, float] = {}
        self._unsettled: dict[str, int] = {}
        self._writing: set[str] = set()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[V]:
        return iter(tuple(self._values.values()))

    def get(self, key: str) -> V | None:
        """Return the value of `key`, if there is one."""
        return self._values.get(key)

    def restore(self, key: str, value: V, written_at: float) -> None:
        """Set a value as the log holds it, the oldest part of it since `written_at`; it is to be woken."""
        self.put(key, value)
        self._note_written(key, value, written_at)
        if self._lasts(value):
            self.restored.append(key)

    def put(self, key: str, value: V) -> None:
        """Set a value in memory, and its timer; `changed` must follow when its consequences are sent."""
        self._values[key] = value
        self._timers.set(key, self._wake_at(value))

    def snooze(self, key: str, until: float) -> None:
        """Have a value want attention only then."""
        self._timers.set(key, until)

    def to_wake(self, at_most: int) -> list[tuple[str, V]]:
        """Take out and return up to `at_most` values that were restored and not woken yet."""
        keys = [self.restored.popleft() for _ in range(min(at_most, len(self.restored)))]
        return [(key, self._values[key]) for key in keys if key in self._values]

    def drop(self, key: str) -> None:
        """Forget a value, and have it removed from the log; while it is still to be written, it comes due again."""
        if key in self._dirty or key in self._unsettled or key in self._writing:
            self._timers.set(key, self._wake_at(self._values[key]))
            return
        del self._values[key]
        self._timers.set(key, None)
        self._refreshes.set(key, None)
        if key in self._written:
            self._dirty[key] = []

    @property
    def next_time(self) -> float | None:
        """The epoch seconds at which the next key's time comes, if there is one."""
        return self._timers.first

    def due(self, now: float, at_most: int) -> list[tuple[str, V]]:
        """Take out and return up to `at_most` keys whose time has come, with their values."""
        return [(key, self._values[key]) for key, _ in self._timers.due(now, at_most)]

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

    def is_dirty(self, now: float) -> bool:
        """Whether there may be something to write at `now`."""
        return bool(self._dirty) or ((first := self._refreshes.first) is not None and first <= now)

    def take_dirty(self, now: float) -> list[Change[V]]:
        """Take out and return what is to be written at `now`: values whose consequences are acknowledged.

        These are those that have changed or are to be refreshed. `written` or `put_back` must follow for each.
        """
        for key, due in self._refreshes.due(now, _REFRESHES):
            self._overdue[key] = due
            self._dirty.setdefault(key, [])
        ready = [key for key in self._dirty if key not in self._unsettled]
        self._writing.update(ready)
        return [self._take(key, now) for key in ready]

    def _take(self, key: str, now: float) -> Change[V]:
        before = self._written.get(key)
        full = before is None or key in self._overdue
        return Change(key, self._values.get(key), before, full, now, self._dirty.pop(key))

    def put_back(self, change: Change[V]) -> None:
        """Have a value written after all that was taken out, and could not be."""
        self._writing.discard(change.key)
        self._dirty[change.key] = [*change.releases, *self._dirty.get(change.key, ())]

    def written(self, change: Change[V]) -> None:
        """Note that a value that was taken out is written."""
        self._writing.discard(change.key)
        if change.value is None:
            self._written.pop(change.key, None)
        elif change.full:
            self._overdue.pop(change.key, None)
            self._note_written(change.key, change.value, change.at)
        else:
            self._written[change.key] = change.value
            if not self._lasts(change.value):
                self._refreshes.set(change.key, None)

    def _note_written(self, key: str, value: V, at: float) -> None:
        """Note that all of a value is in the log since `at`; refreshes are spread over half of the interval."""
        self._written[key] = value
        share = 0.5 + zlib.crc32(f"{at}{key}".encode()) / 2**33
        self._refreshes.set(key, at + share * self._refresh if self._lasts(value) else None)

    @property
    def since(self) -> float | None:
        """From when on the log must be read to find all in it that lasts, in epoch seconds; None when nothing does."""
        first = self._refreshes.first
        due = min((*self._overdue.values(), *(() if first is None else (first,))), default=None)
        oldest = [at for at in (None if due is None else due - self._refresh, self.also_since()) if at is not None]
        return min(oldest, default=None)
