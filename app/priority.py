"""Slots for work that is bounded: who waits is served by priority, then by arrival."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator
from itertools import count

#: The highest priority first, then the first that came; the numbers of arrival differ, so no future is compared.
_Waiting = tuple[int, int, asyncio.Future[None]]


class PrioritySlots:
    """At most `slots` holders at once. Like `asyncio.Semaphore`, it belongs to one event loop and needs no lock."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._waiting: list[_Waiting] = []
        self._arrivals = count()

    @contextlib.asynccontextmanager
    async def held(self, priority: int = 0) -> AsyncIterator[None]:
        """Hold a slot inside of the block; of those who wait, the highest `priority` is next."""
        await self._acquire(priority)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, priority: int) -> None:
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
                self._release()
            raise

    def _leave(self, waiting: _Waiting) -> None:
        with contextlib.suppress(ValueError):  # a release that came in between has passed it over already
            self._waiting.remove(waiting)
            heapq.heapify(self._waiting)

    def _release(self) -> None:
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
