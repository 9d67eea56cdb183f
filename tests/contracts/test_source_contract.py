"""What every source promises, checked of each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.conformance import check_names
from app.settings import SourceSettings
from app.sources.base import Source
from app.sources.conformance import SourceChecks, probe_source
from app.sources.registry import KINDS, build
from tests.sources.buckets import KEYS, bucket, s3
from tests.sources.databases import Articles
from tests.sources.site import serving

Opener = Callable[[], Source]


def opener(**settings: object) -> Opener:
    return lambda: build("kb", SourceSettings.model_validate(settings))


@pytest.fixture
def files(tmp_path: Path) -> Opener:
    for name in ("a.md", "b.txt", "c.md"):
        (tmp_path / name).write_text(f"# {name}", encoding="utf-8")
    return opener(kind="files", url=str(tmp_path))


@pytest.fixture
def sql(tmp_path: Path) -> Iterator[Opener]:
    articles = Articles(f"sqlite:///{tmp_path / 'a.db'}")
    yield opener(kind="sql", url=articles.url, options={"query": "SELECT * FROM articles", "template": "{title}"})
    articles.close()


@pytest.fixture
def fsspec() -> Iterator[Opener]:
    with s3() as endpoint:
        bucket(endpoint, "books", {"docs/a.md": b"A", "docs/b.md": b"B"})
        yield opener(
            kind="fsspec", url="s3://books/docs", credentials=KEYS, options={"storage": {"endpoint_url": endpoint}}
        )


async def test_that_http_keeps_every_promise() -> None:
    async with serving() as site:
        urls = "".join(f"<url><loc>{site.address}/{name}</loc></url>" for name in "ab")
        for path, body in (("/sitemap.xml", f"<urlset>{urls}</urlset>"), ("/a", "A"), ("/b", "B")):
            site.put(path, body)
        url, options = f"{site.address}/sitemap.xml", {"allow_networks": ["127.0.0.0/8"]}
        await keeps_all(opener(kind="http", url=url, options=options))


SUBJECTS = ("files", "fsspec", "sql")


def test_that_every_kind_is_checked() -> None:
    assert {*SUBJECTS, "http", "kafka"} == set(KINDS)  # the last one in its own test, beside its broker


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_that_it_keeps_every_promise(kind: str, request: pytest.FixtureRequest) -> None:
    await keeps_all(request.getfixturevalue(kind))


async def keeps_all(opened: Opener) -> None:
    found = [check async for check in probe_source(opened)]
    assert [(check.name, check.error, check.detail) for check in found if check.status == "fail"] == []
    assert [check.name for check in found] == check_names(SourceChecks)
