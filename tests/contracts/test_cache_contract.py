"""What every cache promises."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from app.caching.base import Cache, CacheEntry
from app.caching.conformance import CacheChecks, probe_cache
from app.caching.memory import MemoryCache
from app.caching.redis import RedisCache
from app.conformance import check_names
from app.errors import ConfigurationError


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[str]:
    """Yield the address of a Redis server that keeps nothing on disk."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on this machine")
    pytest.importorskip("redis")
    socket = folder / "redis.sock"
    options = ("--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder))
    process = await asyncio.create_subprocess_exec(server, *options, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(10):
            while not socket.exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        process.kill()
        await process.wait()


@pytest_asyncio.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cache]:
    if request.param == "memory":
        yield MemoryCache(100_000)
        return
    async with redis(tmp_path) as url:
        cache = RedisCache(url, prefix="test:")
        yield cache
        await cache.close()


async def test_that_it_keeps_every_promise(cache: Cache) -> None:
    checks = {check.name: check async for check in probe_cache(cache)}
    assert [check for check in checks.values() if check.status != "pass"] == []
    assert list(checks) == check_names(CacheChecks)


async def test_that_redis_is_shared_forgets_what_is_too_old_and_is_skipped_when_it_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis(tmp_path) as url:
        mine, another, strange = (RedisCache(url, prefix=prefix) for prefix in ("a:", "a:", "b:"))
        await mine.put(b"k", CacheEntry(b"v", time.time()), 60.0)
        await mine.put(b"old", CacheEntry(b"v", time.time() - 61.0), 60.0)
        assert await another.get(b"k")
        assert await another.get(b"old") is None
        assert await strange.get(b"k") is None
        await mine._client.set(b"a:short", b"?")
        assert await mine.get(b"short") is None
        await another.close()
        await strange.close()
    await mine.put(b"k", CacheEntry(b"v", time.time()), 60.0)
    assert await mine.get(b"k") is None
    assert caplog.text.count("is bypassed") == 1
    await mine.close()


async def test_that_many_who_ask_redis_at_once_are_all_given_what_it_keeps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis(tmp_path) as url:
        cache = RedisCache(url, prefix="a:")
        await cache.put(b"k", CacheEntry(b"v", time.time()), 60.0)
        found = await asyncio.gather(*(cache.get(b"k") for _ in range(150)))
        await cache.close()
    assert all(found)
    assert caplog.text == ""


def test_that_a_wrong_address_is_named_without_its_password() -> None:
    pytest.importorskip("redis")
    with pytest.raises(ConfigurationError) as caught:
        RedisCache("http://:planted-secret@127.0.0.1/0", prefix="")
    assert "redis://" in str(caught.value)
    assert "planted-secret" not in str(caught.value)
