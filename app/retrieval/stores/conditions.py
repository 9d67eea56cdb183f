"""What of a search's scope a database checks by itself: conditions on fields that every point has.

They leave at least what the scope admits, and may leave more; what a database finds is checked again with
`SearchScope.admits`. So nothing leaks, whatever a database can or cannot express.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

from app.retrieval.base import SearchScope
from app.retrieval.filtering import bounds, kinded, ordered, values_of, wanted_values
from topics.metadata_filters import MetadataFilter, MetadataValue, Scalar

#: Stands among the roles of a document that is for everyone, and of one that is for nobody.
EVERYONE, NOBODY = "*", "-"
#: A tag that no point has.
_NO_TAG = "none"
_LARGEST = 1.7e308


@dataclass(frozen=True, slots=True)
class Tagged:
    """One of `tags` is among the point's; if `negated`, none is."""

    tags: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Bounded:
    """The point's number `name` is at least or at most `value`; without the number, it is not."""

    name: str
    at_least: bool
    value: float


@dataclass(frozen=True, slots=True)
class Combined:
    """All of `parts` hold, or `any_of` them."""

    parts: tuple[Condition, ...]
    any_of: bool = False


Condition: TypeAlias = Tagged | Bounded | Combined


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a database is to search: `collection`, the points of `tenants`, for one of `roles`, and a `condition`."""

    collection: str
    tenants: tuple[str, ...]
    roles: tuple[str, ...]
    condition: Condition | None = None

    @classmethod
    def of(cls, scope: SearchScope) -> Wanted:
        """Return what the scope admits, or more."""
        tenants = ("", scope.tenant) if scope.tenant else ("",)
        roles = (EVERYONE, *(role_tag(role) for role in sorted(scope.roles)))
        return cls(scope.collection, tenants, roles, _condition(scope.filter) if scope.filter else None)


def role_tag(role: str) -> str:
    """Return a role so that none is `EVERYONE` or `NOBODY`."""
    return f"={role}"


def role_tags(allowed: tuple[str, ...] | None) -> list[str]:
    """Return what stands for the `allowed_roles` of a document; never an empty list, which not every database keeps."""
    if allowed is None:
        return [EVERYONE]
    return [role_tag(role) for role in dict.fromkeys(allowed)] or [NOBODY]


def tags_of(metadata: Mapping[str, MetadataValue]) -> list[str]:
    """Return a tag for each value, short and of plain letters whatever the value is."""
    return sorted({_tag(name, value) for name, values in metadata.items() for value in values_of(values)})


def numbers_of(metadata: Mapping[str, MetadataValue]) -> dict[str, float]:
    """Return the least and the greatest number, and date, of each field that has any."""
    found: dict[str, float] = {}
    for name, values in metadata.items():
        for value in values_of(values):
            if (place := ordered(value)) is None:
                continue
            number, least, greatest = (
                _number(place[1]),
                _bound_name(name, place[0], "min"),
                _bound_name(name, place[0], "max"),
            )
            found[least] = min(number, found.get(least, number))
            found[greatest] = max(number, found.get(greatest, number))
    return found


def _tag(name: str, value: Scalar) -> str:
    kind, plain = kinded(value)
    if kind == "number" and isinstance(plain, float) and plain.is_integer():
        plain = int(plain)  # 1 and 1.0 are equal
    return blake2b(f"{name}\0{kind}\0{plain}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _bound_name(name: str, kind: str, which: str) -> str:
    return f"{kind}_{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}_{which}"


def _number(value: float) -> float:
    """Return a number that every database keeps; rounding keeps the order, up to equality."""
    return float(max(-_LARGEST, min(value, _LARGEST)))


def _condition(wanted: MetadataFilter, *, negated: bool = False) -> Condition | None:
    """Return what holds for every document that is wanted, or, if `negated`, that is not; None: for all."""
    if wanted.not_ is not None:
        return _condition(wanted.not_, negated=not negated)
    if wanted.field is None:
        parts = [_condition(part, negated=negated) for part in wanted.parts]
        return _combined(parts, any_of=(wanted.any is not None) != negated)
    values = wanted_values(wanted)
    if values is not None:
        tags = tuple(sorted({_tag(wanted.field, value) for _, value in values}))
        return Tagged(tags or (_NO_TAG,), negated)
    if negated:  # a document with several values has only the least and the greatest, which does not say it
        return None
    limits = [
        Bounded(_bound_name(wanted.field, kind, "max" if low else "min"), low, _number(bound))
        for compare, kind, bound in bounds(wanted)
        for low in [compare(1, 0)]
    ]
    return _combined(limits, any_of=False)


def _combined(parts: Iterable[Condition | None], *, any_of: bool) -> Condition | None:
    known = list(parts)
    if any_of and None in known:
        return None
    found = tuple(part for part in known if part is not None)
    if len(found) <= 1:
        return found[0] if found else None
    return Combined(found, any_of)
