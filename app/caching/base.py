"""The port of a cache, and its entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer as JSON, created at `made_at` (epoch seconds)."""

    value: bytes
    made_at: float


class Cache(Protocol):
    """Stores answers by key. It may evict any entry at any time, and never fails: an error is a miss."""

    async def get(self, key: bytes) -> CacheEntry | None:
        """Return the entry of `key`, or None."""
        ...

    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:
        """Store an answer, which is not needed once it is older than `max_age` seconds."""
        ...

    async def close(self) -> None:
        """Release its resources."""
        ...
