from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.caching.base import CacheEntry
from app.caching.memory import MemoryCache


async def test_that_the_answers_used_last_stay_within_the_bytes() -> None:
    cache = MemoryCache(3 * 1600)
    for key in (b"a", b"b", b"c"):
        await cache.put(key, CacheEntry(b"x" * 1000, 1.0), 60.0)
    assert await cache.get(b"a")
    await cache.put(b"d", CacheEntry(b"x" * 1000, 1.0), 60.0)  # and b is the one used longest ago
    assert [key for key in (b"a", b"b", b"c", b"d") if await cache.get(key)] == [b"a", b"c", b"d"]


@pytest.mark.parametrize("max_bytes", [0, 1500])
async def test_that_an_answer_larger_than_all_the_room_is_not_kept(max_bytes: int) -> None:
    cache = MemoryCache(max_bytes)
    await cache.put(b"a", CacheEntry(b"x" * 2000, 1.0), 60.0)
    assert await cache.get(b"a") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3000)), max_size=40), st.integers(0, 10_000))
def test_that_the_bytes_are_never_exceeded_and_an_answer_is_never_anothers(
    written: list[tuple[int, int]], max_bytes: int
) -> None:
    async def scenario() -> None:
        cache = MemoryCache(max_bytes)
        last = {}
        for number, size in written:
            last[number] = bytes([number]) * size
            await cache.put(bytes([number]), CacheEntry(last[number], 1.0), 60.0)
            kept = [(one, found.value) for one in last if (found := await cache.get(bytes([one])))]
            assert all(value == last[one] for one, value in kept)
            assert sum(len(value) for _, value in kept) <= cache._bytes <= max_bytes

    asyncio.run(scenario())
