from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.sources.base import Item
from app.sources.fsspec import FsspecSource
from tests.sources.buckets import KEYS, bucket, s3

OBJECTS = {"kb/a.md": b"# A", "kb/sub/b.txt": b"B", "kb/c.png": b"\x89", "other.md": b"secret"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3() as found:
        yield found


@pytest.fixture
def name(endpoint: str) -> str:
    found = f"b{secrets.token_hex(4)}"
    bucket(endpoint, found, OBJECTS)
    return found


def source(endpoint: str, url: str, **options: Any) -> FsspecSource:
    given = {"storage": {"endpoint_url": endpoint}, **options}
    settings = {"kind": "fsspec", "url": url, "credentials": KEYS, "options": given}
    return FsspecSource.from_settings("kb", SourceSettings.model_validate(settings))


async def items(found: FsspecSource, position: str | None = None) -> list[Item]:
    return [item async for item in found.items(position)]


async def test_that_objects_are_found_and_their_versions_change(endpoint: str, name: str) -> None:
    found = source(endpoint, f"s3://{name}/kb")
    first = await items(found)
    assert [(one.id, one.address) for one in first] == [
        ("a.md", f"s3://{name}/kb/a.md"),
        ("sub/b.txt", f"s3://{name}/kb/sub/b.txt"),
    ]
    content = await found.read(first[1])
    assert (content.data, content.content_type) == (b"B", "text/plain")
    assert [one.id for one in await items(found, "a.md")] == ["sub/b.txt"]
    bucket(endpoint, name, {"kb/a.md": b"# A2", "kb/d.md": b"D"})
    again = await items(source(endpoint, f"s3://{name}/kb"))
    assert [one.version == before.version for one, before in zip((again[0], again[2]), first, strict=True)] == [
        False,
        True,
    ]
    assert {one async for one in found.ids()} == {"a.md", "d.md", "sub/b.txt"}


async def test_that_nothing_outside_is_read(endpoint: str, name: str) -> None:
    found = source(endpoint, f"s3://{name}/kb")
    for path in ("../other.md", "/other.md", "sub/../../other.md", "gone.md"):
        with pytest.raises(SourceError):
            await found.read(Item(path))
    with pytest.raises(SourceError, match="larger than 2 bytes"):
        await source(endpoint, f"s3://{name}/kb", max_bytes=2).read(Item("a.md"))


async def test_that_a_bucket_that_is_away_is_no_empty_one(endpoint: str) -> None:
    storage = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 0}}}
    with pytest.raises(SourceUnavailable) as away:
        await items(source(endpoint, "s3://b/kb", storage=storage))
    assert KEYS["secret"] not in str(away.value)


@pytest.mark.parametrize("url", ["kb", "file:///etc", "simplecache::s3://b", "http://a/b", "nothing://a"])
def test_that_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.kb\.url"):
        source("http://127.0.0.1:9", url)
