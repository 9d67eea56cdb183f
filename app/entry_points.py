"""Components by name: ours from a table, those of installed packages by entry point."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType


def named(table: Mapping[str, str], group: str) -> dict[str, EntryPoint]:
    """Return every component of `group` by its name; `table` maps our names to `module:attribute`.

    What is ours wins: installing a package must not silently change where prompts or documents go. Nothing is
    imported before an entry point is loaded, so a component that is not used costs nothing.
    """
    return {**installed(group), **{name: EntryPoint(name, value, group) for name, value in table.items()}}


@cache
def installed(group: str) -> Mapping[str, EntryPoint]:
    """Return what the installed packages announce. They are searched once, as that takes milliseconds."""
    return MappingProxyType({point.name: point for point in entry_points(group=group)})
