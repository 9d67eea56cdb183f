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


SUBJECTS = ("files", "fsspec", "sql")


def test_that_every_kind_is_checked() -> None:
    assert set(SUBJECTS) == set(KINDS)


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_that_it_keeps_every_promise(kind: str, request: pytest.FixtureRequest) -> None:
    found = [check async for check in probe_source(request.getfixturevalue(kind))]
    assert [(check.name, check.error, check.detail) for check in found if check.status == "fail"] == []
    assert [check.name for check in found] == check_names(SourceChecks)
