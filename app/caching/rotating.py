"""A cache whose address or password may change while it is used: see `app.rotation`."""

from __future__ import annotations

from collections.abc import Callable

from app.caching.base import Cache, CacheEntry
from app.rotation import Live, Rotating
from app.settings import CacheSettings


class RotatingCache:
    """The cache as its secrets are now. It never fails, so nothing tells that a secret is refused: it is read again."""

    def __init__(self, live: Live[CacheSettings], build: Callable[[CacheSettings], Cache]) -> None:
        self._rotating = Rotating("the cache", live, build)

    async def get(self, key: bytes) -> CacheEntry | None:
        """Return the entry of `key`, or None."""
        async with self._rotating.use() as cache:
            return await cache.get(key)

    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:
        """Store an answer."""
        async with self._rotating.use() as cache:
            await cache.put(key, kept, max_age)

    async def close(self) -> None:
        """Release its resources."""
        await self._rotating.close()
