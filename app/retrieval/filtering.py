"""What a filter on metadata means for one document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import ge, gt, le, lt
from typing import TypeAlias

from topics.metadata_filters import MetadataFilter, MetadataValue, Scalar, seconds

#: A value with its kind, so that neither `1` and `True` nor `1` and `"1"` are the same.
Kinded: TypeAlias = tuple[str, Scalar]

_BOUNDS: tuple[tuple[str, Callable[[float, float], bool]], ...] = (("gt", gt), ("gte", ge), ("lt", lt), ("lte", le))


def matches(wanted: MetadataFilter, metadata: Mapping[str, MetadataValue]) -> bool:
    """Return whether a document with this metadata is wanted."""
    if wanted.all is not None:
        return all(matches(part, metadata) for part in wanted.all)
    if wanted.any is not None:
        return any(matches(part, metadata) for part in wanted.any)
    if wanted.not_ is not None:
        return not matches(wanted.not_, metadata)
    return any(_meets(wanted, value) for value in values_of(metadata.get(str(wanted.field), ())))


def values_of(value: MetadataValue) -> Iterator[Scalar]:
    """Yield the one value or the several ones."""
    if isinstance(value, tuple):
        yield from value
    else:
        yield value


def kinded(value: Scalar) -> Kinded:
    """Return a value with its kind."""
    if isinstance(value, bool):
        return "boolean", value
    return ("text" if isinstance(value, str) else "number"), value


def wanted_values(condition: MetadataFilter) -> set[Kinded] | None:
    """Return the values that an `eq` or an `in` wants; None of a range."""
    if condition.eq is not None:
        return {kinded(condition.eq)}
    return None if condition.in_ is None else {kinded(value) for value in condition.in_}


def bounds(condition: MetadataFilter) -> Iterator[tuple[Callable[[float, float], bool], str, float]]:
    """Yield the bounds of a range: how a value compares with each, its kind, and the bound as a number."""
    for name, compare in _BOUNDS:
        bound = getattr(condition, name)
        if isinstance(bound, str):
            yield compare, "date", seconds(bound) or 0.0  # it was checked
        elif bound is not None:
            yield compare, "number", bound


def ordered(value: Scalar) -> tuple[str, float] | None:
    """Return a value as a number with its kind, number or date; None if it has no order."""
    if isinstance(value, str):
        return None if (date := seconds(value)) is None else ("date", date)
    return None if isinstance(value, bool) else ("number", value)


def _meets(condition: MetadataFilter, value: Scalar) -> bool:
    if (wanted := wanted_values(condition)) is not None:
        return kinded(value) in wanted
    place = ordered(value)
    return place is not None and all(
        kind == place[0] and compare(place[1], bound) for compare, kind, bound in bounds(condition)
    )
