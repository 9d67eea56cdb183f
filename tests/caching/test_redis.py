from __future__ import annotations

import asyncio
import logging

import pytest

from app.caching.redis import RedisCache
from tests.models.virtual_time import run

pytest.importorskip("redis")


class Busy:
    """A client whose commands take their time; at most so many were under way at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked = self.most = self._under_way = 0

    async def get(self, _key: bytes) -> bytes:
        self.asked += 1
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(self.seconds)
        self._under_way -= 1
        return bytes(8) + b"kept"


def _cache(client: Busy, query: str = "") -> RedisCache:
    cache = RedisCache(f"redis://127.0.0.1:1/0{query}", prefix="")
    cache._client = client
    return cache


def test_a_queue_for_places_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    async def world() -> list[bool]:
        found = await asyncio.gather(*(cache.get(b"k") for _ in range(100)))
        again = await cache.get(b"k")
        return [one is not None for one in (*found, again)]

    client = Busy(seconds=0.4)
    cache = _cache(client)
    with caplog.at_level(logging.WARNING):
        found = run(world())

    # The second 32 waited 0.4 s for their places; those after them would have waited too long.
    assert found == [True] * 64 + [False] * 36 + [True]
    assert not caplog.records


def test_a_command_that_takes_too_long_is_one_and_those_that_wait_are_not_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def world() -> None:
        found = await asyncio.gather(*(cache.get(b"k") for _ in range(50)))
        assert found == [None] * 50
        assert await cache.get(b"k") is None

    client = Busy(seconds=0.6)
    cache = _cache(client)
    with caplog.at_level(logging.WARNING):
        run(world())

    assert client.asked == 32
    assert "bypassed for 5 s: TimeoutError" in caplog.text


def test_a_smaller_pool_of_the_address_bounds_the_places() -> None:
    async def world() -> None:
        await asyncio.gather(*(cache.get(b"k") for _ in range(9)))

    client = Busy(seconds=0.1)
    cache = _cache(client, "?max_connections=3")
    run(world())
    assert (client.most, client.asked) == (3, 9)
