"""How often a consumer asks a broker that never wakes a waiting fetch: quickly while events flow, else now and then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection
from typing import Any

from app.delivery.kafka.kafka_private import pace_fetches

#: Seconds without an event after which a consumer is idle, and between two looks at everything while it is.
_QUIET, _ALL = 1.0, 0.5
#: What an idle fetch waits for at the broker (milliseconds): it has paused already. With 0 the broker does not look.
_IDLE_WAIT_MS = 1


class FetchPace:
    """Has a consumer pause for `idle_seconds` before each fetch while no events come.

    While events come, and for a second after the last one, fetches wait at the broker as the consumer was told. Of the
    pauses, each ends with a look at the topics of `first` only, by which most work comes from outside, and about two in
    a second with a look at all: a fetch of all partitions takes most of what an idle worker would use. What this
    process sends itself, of which `stir` tells, ends the pause at once. With 0 seconds, which suits a broker that wakes
    a waiting fetch, nothing changes.
    """

    def __init__(self, idle_seconds: float = 0.0, first: Collection[str] = ()) -> None:
        self._idle_seconds = idle_seconds
        self._first = frozenset(first)
        self._last = self._looked = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stirred = asyncio.Event()

    def attach(self, consumer: Any) -> None:
        """Set the pace of an aiokafka consumer that was started, in its event loop."""
        if not self._idle_seconds:
            return
        self._loop, self._last = asyncio.get_running_loop(), time.monotonic()
        pace_fetches(consumer, self._before, self._after)

    async def _before(self, topics: list[Any]) -> list[Any] | None:
        try:
            await self._pause()
        except asyncio.CancelledError:  # as of a fetch under way: the assignment has ended, or the consumer
            return None
        return self._narrowed(topics)

    def _after(self, found: bool) -> int | None:  # noqa: FBT001  # what a fetch returns
        if found:
            self._last = time.monotonic()
        return _IDLE_WAIT_MS if self._idle else None

    def stir(self) -> None:
        """Note that events will come, as this process has sent some; from any thread."""
        if self._loop and self._idle:
            self._loop.call_soon_threadsafe(self._stirred.set)
        self._last = time.monotonic()

    @property
    def _idle(self) -> bool:
        return time.monotonic() - self._last > _QUIET

    async def _pause(self) -> None:
        if self._idle:
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._idle_seconds):
                    await self._stirred.wait()

    def _narrowed(self, topics: list[Any]) -> list[Any]:
        """Leave out of an idle fetch what is not looked at this time; each of `topics` begins with its name."""
        now = time.monotonic()
        some = [one for one in topics if one[0] in self._first]
        if some and self._idle and now - self._looked < _ALL:
            return some
        self._looked = now
        return topics
