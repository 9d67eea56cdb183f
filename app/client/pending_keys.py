"""Wait for expected keys, removed as their records arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from app.client.reader import Reader

#: Returns the key that a record settles, or None.
KeyOf = Callable[[Any], str | None]
#: Called with each expected key and the record that settled it.
OnArrival = Callable[[str, Any], None]


class PendingKeys:
    """Waits for keys; `left` are those still missing."""

    def __init__(self, settles: KeyOf, arrived: OnArrival) -> None:
        self.left: set[str] = set()
        self._settles = settles
        self._arrived = arrived
        self._empty = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def expect(self, key: str) -> None:
        """Expect `key`; call it before sending the event that leads to it."""
        self.left.add(key)
        self._empty.clear()

    @asynccontextmanager
    async def follow(self, reader: Reader) -> AsyncIterator[None]:
        """Take records from `reader` while the context lasts."""
        self._following = asyncio.create_task(self._take_in(reader))
        try:
            yield
        finally:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    def take(self, record: Any) -> None:
        """Remove the key that a record settles, if it is expected."""
        key = self._settles(record)
        if key in self.left:
            self.left.remove(key)
            self._arrived(key, record)
            if not self.left:
                self._empty.set()

    async def settled(self, timeout: float) -> bool:
        """Return whether all keys were settled within `timeout` seconds; inside `follow`, after the last `expect`."""
        if not self.left:
            return True
        empty = asyncio.create_task(self._empty.wait())
        await asyncio.wait({empty, *filter(None, [self._following])}, timeout=timeout, return_when="FIRST_COMPLETED")
        empty.cancel()
        if self._following and self._following.done():
            self._following.result()
        return not self.left

    async def _take_in(self, reader: Reader) -> None:
        async for record in reader.coming():
            self.take(record)
