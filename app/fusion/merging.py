"""Several JSON documents made one, field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median, median_low
from typing import Literal

from pydantic import JsonValue

from app.normalization import canonical


@dataclass(frozen=True, slots=True)
class Rules:
    """How values of documents are merged."""

    numbers: Literal["vote", "median"] = "vote"
    lists: Literal["union", "vote"] = "union"
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """The document, and for each field, by its path from the root, how far the documents agree on it."""

    value: JsonValue
    agreement: Mapping[str, Fraction] = field(default_factory=dict)


def merge(values: Sequence[JsonValue], rules: Rules, path: str = "") -> Merged:
    """Merge documents that are in order of preference; at least one.

    Objects are merged recursively, and have the fields that at least half of them have. Where kinds differ (object,
    list, anything else), the most frequent kind is merged, and the others count against the agreement.
    """
    kinds = [_kind(value) for value in values]
    kind = max(kinds, key=kinds.count)
    alike = [value for value in values if _kind(value) == kind]
    merged = _MERGES[kind](alike, rules, path)
    share = Fraction(len(alike), len(values))
    return Merged(merged.value, {name: agreed * share for name, agreed in merged.agreement.items()})


def _kind(value: JsonValue) -> Literal["object", "list", "scalar"]:
    if isinstance(value, dict):
        return "object"
    return "list" if isinstance(value, list) else "scalar"


def _objects(values: Sequence[JsonValue], rules: Rules, path: str) -> Merged:
    objects = [value for value in values if isinstance(value, dict)]
    names = dict.fromkeys(name for one in objects for name in one)
    value: dict[str, JsonValue] = {}
    agreement: dict[str, Fraction] = {}
    for name in names:
        having = [one[name] for one in objects if name in one]
        share, where = Fraction(len(having), len(objects)), f"{path}.{name}" if path else name
        if share < Fraction(1, 2):
            agreement[where] = 1 - share
            continue
        part = merge(having, rules, where)
        value[name] = part.value
        agreement |= {below: agreed * share for below, agreed in part.agreement.items()}
    return Merged(value, agreement or {path: Fraction(1)})


def _lists(values: Sequence[JsonValue], rules: Rules, path: str) -> Merged:
    if rules.lists == "vote":
        return _vote(values, rules, path)
    lists = [value for value in values if isinstance(value, list)]
    counts = [Counter(canonical(item, exact=rules.exact) for item in one) for one in lists]
    # An item stands as often as in the list that has it most: equal lists give just that list.
    wanted = Counter[str]()
    for counted in counts:
        wanted |= counted
    given = sum((counted.total() for counted in counts), 0)
    share = Fraction(given, len(lists) * wanted.total()) if wanted else Fraction(1)
    return Merged(list(_taken(lists, rules)), {path: share})


def _taken(lists: Sequence[list[JsonValue]], rules: Rules) -> Iterator[JsonValue]:
    taken = Counter[str]()
    for one in lists:
        seen = Counter[str]()
        for item in one:
            key = canonical(item, exact=rules.exact)
            seen[key] += 1
            if seen[key] > taken[key]:
                taken[key] += 1
                yield item


def _scalars(values: Sequence[JsonValue], rules: Rules, path: str) -> Merged:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if rules.numbers == "vote" or len(numbers) < len(values):
        return _vote(values, rules, path)
    whole = all(isinstance(number, int) for number in numbers)
    middle = median_low(numbers) if whole else median(numbers)  # whole numbers stay whole, as a schema may demand
    return Merged(middle, {path: Fraction(numbers.count(middle), len(numbers))})


def _vote(values: Sequence[JsonValue], rules: Rules, path: str) -> Merged:
    keys = [canonical(value, exact=rules.exact) for value in values]
    winner = max(keys, key=keys.count)
    return Merged(values[keys.index(winner)], {path: Fraction(keys.count(winner), len(keys))})


_MERGES = {"object": _objects, "list": _lists, "scalar": _scalars}
