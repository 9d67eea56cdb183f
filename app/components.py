"""Components by name: ours from a table, those of installed packages by entry point."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points


def named(table: Mapping[str, str], group: str) -> dict[str, EntryPoint]:
    """Return every component of `group` by its name; `table` maps our names to `module:attribute`.

    What is ours wins: installing a package must not silently change where prompts or documents go. Nothing is
    imported before an entry point is loaded, so a component that is not used costs nothing.
    """
    added = {point.name: point for point in entry_points(group=group)}
    return added | {name: EntryPoint(name, value, group) for name, value in table.items()}
