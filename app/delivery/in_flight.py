"""How many bytes of events are in flight in one worker, for each topic, and whom to tell when there is room again."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable


class InFlight:
    """Counts, for each topic, the bytes of the events that were fetched and are not finished, up to `limit`.

    Each topic has the limit for itself: events that wait for one of another topic must not keep that one away.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self._bytes: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, dict[Hashable, Callable[[], None]]] = defaultdict(dict)

    def add(self, topic: str, size: int) -> None:
        """Count `size` bytes more, or less; where half of what may be is free again, whoever waits is called."""
        self._bytes[topic] += size
        if size < 0 and self._bytes[topic] <= self.limit / 2 and (waiting := self._waiting.pop(topic, None)):
            for call in waiting.values():
                call()

    def is_full(self, topic: str) -> bool:
        """Whether no more of a topic is to be fetched."""
        return self._bytes[topic] >= self.limit

    def when_drained(self, topic: str, who: Hashable, call: Callable[[], None]) -> None:
        """Have `call` called once when there is room; of what one and the same `who` says, the last counts."""
        self._waiting[topic][who] = call
