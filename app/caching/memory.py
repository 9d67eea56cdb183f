"""An in-memory LRU cache."""

from __future__ import annotations

from collections import OrderedDict
from typing import Self

from app.caching.base import CacheEntry
from app.settings import CacheSettings

#: Bytes that an entry takes besides its text, for the objects around it.
_OVERHEAD = 512


class MemoryCache:
    """Stores answers of at most `max_bytes` in total."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, CacheEntry] = OrderedDict()

    @classmethod
    def from_settings(cls, settings: CacheSettings, app_id: str) -> Self:  # noqa: ARG003  # one for each worker
        """Return a cache of the size that the settings allow."""
        return cls(settings.max_bytes)

    async def get(self, key: bytes) -> CacheEntry | None:
        """Return the entry of `key`, or None."""
        if (kept := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
        return kept

    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:  # noqa: ARG002  # the port's signature
        """Store an answer, and evict the least recently used ones if there is no room."""
        self._drop(key)
        if _size(kept) > self._max_bytes:
            return
        self._entries[key] = kept
        self._bytes += _size(kept)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        if (kept := self._entries.pop(key, None)) is not None:
            self._bytes -= _size(kept)


def _size(kept: CacheEntry) -> int:
    return len(kept.value) + _OVERHEAD
