"""What every cache promises, as checks for any of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from app.caching.base import Cache, CacheEntry
from app.conformance import Check, require, run_checks

_MAX_AGE = 60.0


async def probe_cache(cache: Cache) -> AsyncIterator[Check]:
    """Yield one check of an empty cache after the other, then close it."""
    async for check in run_checks(CacheChecks(cache)):
        yield check


class CacheChecks:
    """One method for each promise."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def miss(self) -> None:
        """A key that was never put has no entry."""
        require(await self._cache.get(b"never put") is None, "it returns an entry that was never put")

    async def last_entry(self) -> None:
        """The entry put last comes back, with its time, and only under its key."""
        entries = [CacheEntry(value, time.time() - age) for value, age in ((b"one", 2.0), (b"two", 1.0))]
        for entry in entries:
            await self._cache.put(b"k", entry, _MAX_AGE)
        found = await self._cache.get(b"k")
        require(found == entries[-1], f"{entries[-1]} was put last, and {found} comes back")
        require(await self._cache.get(b"K") is None, "an entry comes back under another key")

    async def any_bytes(self) -> None:
        """Keys and values of any bytes come back unchanged."""
        entry = CacheEntry(bytes(range(256)), time.time())
        await self._cache.put(b"\x00\xff", entry, _MAX_AGE)
        require(await self._cache.get(b"\x00\xff") == entry, "bytes are changed, or such a key is refused")

    async def close(self) -> None:
        """It can be closed."""
        await self._cache.close()
