"""Workflows are made by the hundred here; the installed packages are searched for strategies once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib.metadata import entry_points

import pytest

from app.fusion import registry


@pytest.fixture(autouse=True, scope="session")
def _one_search() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", functools.cache(lambda group: entry_points(group=group)))
        yield
