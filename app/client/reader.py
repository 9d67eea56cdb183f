"""Read a topic: the records it held when the reader was opened, or all that arrive."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from app.delivery.state.state_log import Progress
from app.durations import format_duration
from app.errors import DeadlineExceeded

#: Raises a BrokerError when the broker is gone: a consumer itself retries forever.
BrokerCheck = Callable[[], Awaitable[None]]
_CHECK_AFTER = 5.0
#: Seconds of one look at what a topic holds: its last offsets may be no records, and nothing comes with them.
_ROUND = 0.1
#: Records that are taken at once.
_BATCH = 500


class Reader:
    """Reads all partitions of one topic from `starts`; `ends` are their end offsets when it was opened."""

    def __init__(self, consumer: Any, starts: Mapping[Any, int], ends: Mapping[Any, int], check: BrokerCheck) -> None:
        self._consumer = consumer
        self._ends = ends
        self._left = {place for place, end in ends.items() if starts[place] < end}
        self._check = check
        self._heard = time.monotonic()

    async def held(self) -> AsyncIterator[Any]:
        """Yield the records that the topic held when the reader was opened.

        Raises:
            BrokerError: the broker is gone.
        """
        async for _, records in self.held_batches():
            for record in records:
                yield record

    async def held_batches(self) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        """Yield the same in batches, each with its partition.

        Raises:
            BrokerError: the broker is gone.
        """
        progress = Progress(self._consumer)
        while self._left:
            for place, records in (await self._take(_ROUND, *self._left)).items():
                end = self._ends[place]
                yield place, records if records[-1].offset < end else [one for one in records if one.offset < end]
            await asyncio.sleep(0)  # what was fetched before is taken without waiting: let others go on
            self._left = {place for place in self._left if await progress.at(place) < self._ends[place]}

    async def coming(self, timeout: float | None = None) -> AsyncIterator[Any]:
        """Yield records as they arrive, forever or for `timeout` seconds.

        Raises:
            BrokerError: the broker is gone.
            DeadlineExceeded: the time is up.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            for records in (await self._take(min(1.0, left))).values():
                for record in records:
                    yield record
        raise DeadlineExceeded(f"nothing more received within {format_duration(timeout or 0)}")

    async def batch(self, seconds: float) -> list[Any]:
        """Return some records that arrive within `seconds`; none if none does.

        Raises:
            BrokerError: the broker is gone.
        """
        return [record for records in (await self._take(seconds)).values() for record in records]

    async def _take(self, seconds: float, *places: Any) -> Mapping[Any, Sequence[Any]]:
        taken: Mapping[Any, Sequence[Any]] = await self._consumer.getmany(
            *places, timeout_ms=int(seconds * 1000), max_records=_BATCH
        )
        if taken or time.monotonic() - self._heard > _CHECK_AFTER:
            if not taken:
                await self._check()
            self._heard = time.monotonic()
        return taken
