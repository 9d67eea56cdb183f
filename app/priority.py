"""Slots for work that is bounded: who waits is served by priority, then by arrival."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from itertools import count

#: The highest priority first, then the first that came; the numbers of arrival differ, so no future is compared.
_Waiting = tuple[int, int, asyncio.Future[None]]


class PrioritySlots:
    """At most `slots` holders at once. Like `asyncio.Semaphore`, it belongs to one event loop and needs no lock."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: list[_Waiting] = []
        self._arrivals = count()

    def held(self, priority: int = 0) -> _Hold:
        """Hold a slot inside of the block; of those who wait, the highest `priority` is next."""
        return _Hold(self, priority)

    async def acquire(self, priority: int) -> None:
        """Return when there is a slot; `release` gives it back."""
        if self._free:  # then nobody waits: a slot that is given back goes to who waits, not to this counter
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (-priority, next(self._arrivals), turn)
        heapq.heappush(self._waiting, waiting)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(waiting)
            else:  # its turn had come in the same moment
                self.release()
            raise

    def _leave(self, waiting: _Waiting) -> None:
        with contextlib.suppress(ValueError):  # a release that came in between has passed it over already
            self._waiting.remove(waiting)
            heapq.heapify(self._waiting)

    def release(self) -> None:
        """Give a slot back."""
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Hold:
    """A slot for the time of a block; a generator in its place costs several times as much, at every call."""

    __slots__ = ("_priority", "_slots")

    def __init__(self, slots: PrioritySlots, priority: int) -> None:
        self._slots = slots
        self._priority = priority

    async def __aenter__(self) -> None:
        await self._slots.acquire(self._priority)

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()
