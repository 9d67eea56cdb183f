"""What every source promises, checked of each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.conformance import check_names
from app.settings import SourceSettings
from app.sources.base import Source
from app.sources.conformance import SourceChecks, probe_source
from app.sources.registry import KINDS, build

Opener = Callable[[], Source]


def opener(**settings: object) -> Opener:
    return lambda: build("kb", SourceSettings.model_validate(settings))


@pytest.fixture
def files(tmp_path: Path) -> Opener:
    for name in ("a.md", "b.txt", "c.md"):
        (tmp_path / name).write_text(f"# {name}", encoding="utf-8")
    return opener(kind="files", url=str(tmp_path))


SUBJECTS = ("files",)


def test_that_every_kind_is_checked() -> None:
    assert set(SUBJECTS) == set(KINDS)


@pytest.mark.parametrize("kind", SUBJECTS)
async def test_that_it_keeps_every_promise(kind: str, request: pytest.FixtureRequest) -> None:
    found = [check async for check in probe_source(request.getfixturevalue(kind))]
    assert [(check.name, check.error, check.detail) for check in found if check.status == "fail"] == []
    assert [check.name for check in found] == check_names(SourceChecks)
