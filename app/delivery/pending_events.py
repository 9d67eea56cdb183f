"""Events that came before what they refer to: kept until it is there, or for as long as they may wait."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import Any

from app.delivery.core import Delivered
from app.delivery.envelope import Received


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that came too early, and the agent that was given it."""

    delivered: Delivered
    received: Received[Any]
    agent: str


class PendingEvents:
    """The events that wait, by the key that they wait for; times are those of any one clock."""

    def __init__(self) -> None:
        self._by_key: dict[str, dict[int, PendingEvent]] = {}
        self._deadlines: list[tuple[float, int, str]] = []
        self._numbers = count()

    def add(self, key: str, event: PendingEvent, until: float) -> None:
        """Keep an event until its key is there, or until its time is over."""
        number = next(self._numbers)
        self._by_key.setdefault(key, {})[number] = event
        heapq.heappush(self._deadlines, (until, number, key))

    def take(self, key: str) -> list[PendingEvent]:
        """Take out and return, in the order in which they came, the events that wait for `key`."""
        return [event for event in self._by_key.pop(key, {}).values() if not event.delivered.assignment.ended]

    def expired(self, now: float) -> list[PendingEvent]:
        """Take out and return the events whose time is over; those of assignments that ended are another worker's."""
        found: list[PendingEvent] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, number, key = heapq.heappop(self._deadlines)
            waiting = self._by_key.get(key, {})
            event = waiting.pop(number, None)
            if not waiting:
                self._by_key.pop(key, None)
            if event is not None and not event.delivered.assignment.ended:
                found.append(event)
        return found
