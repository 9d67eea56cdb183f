"""How often a consumer asks a broker that never wakes a waiting fetch: while events flow, or when some came."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

from app.delivery.kafka.kafka_private import pace_fetches

#: Seconds without an event after which a consumer is idle, and after which an idle one looks whatever it was told.
_QUIET, _LONGEST = 1.0, 5.0


class Appends(Protocol):
    """What tells when something is appended to the broker's topics."""

    def listen(self, appended: Callable[[], None], topic: str | None, first: Collection[str]) -> None:
        """Call `appended` when `topic` has grown, or any topic; sooner if it is one of `first`."""


class FetchPace:
    """Has a consumer fetch nothing while it is idle, until `appends` tells that there is something.

    While events come, and for a second after the last one, fetches wait at the broker as the consumer was told. What
    this process sends itself, of which `stir` tells, is fetched at once, and what is appended to the topics of `first`
    soon. Without `appends`, which suits a broker that wakes a waiting fetch, nothing changes.
    """

    def __init__(self, appends: Appends | None = None, first: Collection[str] = ()) -> None:
        self._appends = appends
        self._first = frozenset(first)
        self._last = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stirred = asyncio.Event()

    def attach(self, consumer: Any, topic: str | None = None) -> None:
        """Set the pace of an aiokafka consumer that was started, in its event loop; it reads `topic`, or many."""
        if self._appends:
            self._loop, self._last = asyncio.get_running_loop(), time.monotonic()
            pace_fetches(consumer, self._before, self._after)
            self._appends.listen(self.stir, topic, self._first)

    async def _before(self) -> bool:
        try:
            await self._pause()
        except asyncio.CancelledError:  # as of a fetch under way: the assignment has ended, or the consumer
            return False
        return True

    def _after(self, found: bool) -> None:  # noqa: FBT001  # what a fetch returns
        if found:
            self._last = time.monotonic()

    def stir(self) -> None:
        """Note that events will come, as some were sent; from any thread."""
        idle, self._last = self._idle, time.monotonic()
        if self._loop and idle:
            with contextlib.suppress(RuntimeError):  # the loop is closed: its consumer has ended
                self._loop.call_soon_threadsafe(self._stirred.set)

    @property
    def _idle(self) -> bool:
        return time.monotonic() - self._last > _QUIET

    async def _pause(self) -> None:
        self._stirred.clear()
        if self._idle:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST):
                    await self._stirred.wait()
