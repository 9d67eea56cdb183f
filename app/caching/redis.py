"""A cache in Redis, shared by all workers."""

from __future__ import annotations

import asyncio
import logging
import math
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

from app.caching.base import CacheEntry
from app.errors import ConfigurationError, MissingDependency
from app.settings import CacheSettings

#: Seconds; a slower cache is useless.
_TIMEOUT = 0.25
#: Seconds for which it is bypassed after a failure, so that calls do not wait for it.
_PAUSE_AFTER_FAILURE = 5.0
#: Concurrent commands, each with its own connection; others wait for a free connection, which is soon.
_MAX_CONNECTIONS = 32
_TIMESTAMP = struct.Struct("!d")

log = logging.getLogger(__name__)


class RedisCache:
    """Stores answers in the database at `url`, under keys that start with `prefix`.

    When Redis is unavailable, nothing is cached.
    """

    def __init__(self, url: str, *, prefix: str) -> None:
        """Create the client without connecting.

        Raises:
            ConfigurationError: `url` is not a Redis URL.
            MissingDependency: the client is not installed.
        """
        try:
            from redis import asyncio as redis  # noqa: PLC0415  # optional
            from redis.exceptions import RedisError  # noqa: PLC0415
        except ImportError:
            raise MissingDependency('pip install "meta-ai-orchestrator[redis]"') from None
        try:
            self._client: Any = redis.from_url(url, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT)
        except ValueError:  # its message would repeat the password
            raise ConfigurationError("cache.url: must be redis://host:port/number, or rediss:// with TLS") from None
        self._failures = (RedisError, OSError, TimeoutError)
        self._prefix = prefix.encode()
        self._paused_until = 0.0
        self._connections = asyncio.Semaphore(min(_MAX_CONNECTIONS, self._client.connection_pool.max_connections))

    @classmethod
    def from_settings(cls, settings: CacheSettings, app_id: str) -> Self:
        """Return a cache in the database at `settings.url`, which other applications may use, too.

        Raises:
            ConfigurationError: there is no URL, or it is not one of Redis.
            MissingDependency: the client is not installed.
        """
        if settings.url is None:
            raise ConfigurationError("cache.url: store `redis` needs it, as in redis://127.0.0.1:6379/0")
        return cls(settings.url.get_secret_value(), prefix=f"{app_id}:answer:")

    async def get(self, key: bytes) -> CacheEntry | None:
        """Return the entry of `key`, or None."""
        found = await self._try(lambda: self._client.get(self._prefix + key))
        if not found or len(found) < _TIMESTAMP.size:
            return None
        return CacheEntry(found[_TIMESTAMP.size :], _TIMESTAMP.unpack_from(found)[0])

    async def put(self, key: bytes, kept: CacheEntry, max_age: float) -> None:
        """Store an answer until it is `max_age` seconds old."""
        left = kept.made_at + max_age - time.time()
        if left > 0:
            value = _TIMESTAMP.pack(kept.made_at) + kept.value
            await self._try(lambda: self._client.set(self._prefix + key, value, px=math.ceil(left * 1000)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _away(self) -> bool:
        return time.monotonic() < self._paused_until

    async def _try(self, work: Callable[[], Awaitable[Any]]) -> Any:
        if self._away() or not await self._got_place():
            return None
        try:
            if self._away():  # it has failed while this command waited for its place
                return None
            async with asyncio.timeout(2 * _TIMEOUT):
                return await work()
        except self._failures as error:
            self._paused_until = time.monotonic() + _PAUSE_AFTER_FAILURE
            log.warning("the Redis cache is bypassed for %g s: %s", _PAUSE_AFTER_FAILURE, type(error).__name__)
            return None
        finally:
            self._connections.release()

    async def _got_place(self) -> bool:
        """Take a place; where none comes free in time this command alone is passed over: Redis is busy, not away."""
        try:
            async with asyncio.timeout(2 * _TIMEOUT):
                return await self._connections.acquire()
        except TimeoutError:
            return False
