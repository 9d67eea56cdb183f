from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.databases import Articles, postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def articles(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Articles]:
    """A table in each kind of database."""
    url = f"sqlite:///{tmp_path / 'a.db'}" if request.param == "sqlite" else request.getfixturevalue("server")
    found = Articles(url)
    yield found
    found.close()
