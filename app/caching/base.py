"""The port to a cache, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer as JSON, made at `made_at` (epoch seconds)."""

    value: bytes
    made_at: float


class Cache(Protocol):
    """Keeps answers by key. It may forget any of them at any time, and never fails: what it cannot give is absent."""

    async def get(self, key: bytes) -> CacheEntry | None:
        """Return what is kept under `key`."""
        ...

    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:
        """Keep an answer, for which nobody will ask once it is older than `max_age` seconds."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
