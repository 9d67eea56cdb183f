from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from pydantic import SecretStr

from app import entry_points
from app.caching.memory import MemoryCache
from app.caching.redis import RedisCache
from app.caching.registry import GROUP, build
from app.errors import ConfigurationError
from app.settings import CacheSettings


def announce(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    points = [EntryPoint(name, value, GROUP)]
    monkeypatch.setattr(entry_points, "entry_points", lambda group: points if group == GROUP else [])


async def test_those_of_ours_are_made_as_the_settings_say() -> None:
    assert isinstance(build(CacheSettings(), "x"), MemoryCache)
    pytest.importorskip("redis")
    cache = build(CacheSettings(store="redis", url=SecretStr("redis://127.0.0.1:1/0")), "x")
    assert isinstance(cache, RedisCache)
    assert cache._prefix == b"x:answer:"
    await cache.close()


def test_one_of_a_package_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, "theirs", "app.caching.memory:MemoryCache")
    assert isinstance(build(CacheSettings(store="theirs"), "x"), MemoryCache)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"cache\.store: unknown name redi; known names: memory, redis"):
        build(CacheSettings(store="redi"), "x")


@pytest.mark.parametrize("value", ["no_such_module:Cache", "app.caching.memory:NoSuchCache"])
def test_one_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    announce(monkeypatch, "broken", value)
    with pytest.raises(ConfigurationError, match=r"cache\.store: broken cannot be imported: "):
        build(CacheSettings(store="broken"), "x")
