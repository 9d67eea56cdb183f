from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from tests.docs.pages import ROOT, first_codes, table

PAGE = "docs/dependencies.md"


def declared() -> Iterator[str]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    groups = (
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *pyproject["dependency-groups"].values(),
    )
    for requirement in (one for group in groups for one in group):
        name = re.match(r"[A-Za-z0-9-]+", requirement)
        assert name
        yield name[0].lower()


def test_every_dependency_is_listed_and_no_other() -> None:
    assert sorted(set(first_codes(PAGE, "package", "why"))) == sorted(set(declared()))


def test_every_one_has_a_reason() -> None:
    assert all(len(row[1].split()) >= 2 for row in table(PAGE, "package", "why"))
