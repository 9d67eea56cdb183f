"""How large values are: what copying one takes, how long its lists are, and the same for what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: So many characters are copied in one unit.
_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Extent:
    """The most that a value can be: `weight` are the units that a copy takes, `length` its items or characters.

    `inner` is the most that an item can be (of a map, also a key), `fields` what is known of single fields.
    """

    weight: float = 0.5
    length: float = 0
    inner: Extent | None = None
    fields: Mapping[str, Extent] = field(default_factory=dict)

    @property
    def item(self) -> Extent:
        """The most that any item can be."""
        return self.inner or SCALAR

    def named(self, name: str) -> Extent:
        """Return the extent of a field."""
        return self.fields.get(name) or self.item


SCALAR = Extent()


def text(characters: float) -> Extent:
    """Return the extent of a text of so many characters."""
    return Extent(2 + characters / _CHARACTERS, characters)


def repeated(item: Extent, times: float) -> Extent:
    """Return the extent of a list of so many items."""
    return Extent(1 + times * item.weight, times, item)


def of(value: Any) -> Extent:
    """Return the extent of plain data, in a time in proportion to it."""
    if isinstance(value, str):
        return text(len(value))
    if isinstance(value, list):
        items = [of(inner) for inner in value]
        return Extent(1 + sum(one.weight for one in items), len(items), largest(items))
    if isinstance(value, dict):
        fields = {name: of(inner) for name, inner in value.items()}
        keys = [text(len(name)) for name in fields]
        weight = 2 + sum(one.weight for one in (*fields.values(), *keys))
        return Extent(weight, len(fields), largest([*fields.values(), *keys]), fields)
    return SCALAR


def largest(extents: list[Extent]) -> Extent:
    """Return an extent that none of them goes beyond."""
    if len(extents) <= 1:
        return extents[0] if extents else SCALAR
    named: dict[str, list[Extent]] = {}
    for one in extents:
        for name, known in one.fields.items():
            named.setdefault(name, []).append(known)
    inner = [one.inner for one in extents if one.inner]
    return Extent(
        max(one.weight for one in extents),
        max(one.length for one in extents),
        largest(inner) if inner else None,
        {name: largest(found) for name, found in named.items()},
    )
