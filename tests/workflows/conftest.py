"""Workflows are made by the hundred here; the installed packages are searched for strategies once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib import metadata

import pytest

from app import entry_points


@pytest.fixture(autouse=True, scope="module")
def _one_search() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry_points, "entry_points", functools.cache(lambda group: metadata.entry_points(group=group)))
        yield
