from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.base import SearchScope
from app.retrieval.filtering import matches
from app.retrieval.stores.conditions import (
    EVERYONE,
    NOBODY,
    Bounded,
    Combined,
    Condition,
    Tagged,
    Wanted,
    numbers_of,
    role_tags,
    tags_of,
)
from topics.metadata_filters import MetadataFilter

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.sampled_from(["a", "b", "1", "2026-01-01", "2026-01-01T00:30Z", ""]),
)
METADATA = st.dictionaries(st.sampled_from("xy"), SCALARS | st.lists(SCALARS, max_size=3).map(tuple), max_size=2)
FIELDS = st.sampled_from("xy")
NUMBERS = st.integers(-3, 3) | st.floats(-3, 3) | st.integers(10**18 - 2, 10**18)
DATES = st.sampled_from(["2025-12-31", "2026-01-01", "2026-01-01T01:00Z"])
LEAVES = st.one_of(
    st.builds(lambda field, value: {"field": field, "eq": value}, FIELDS, SCALARS),
    st.builds(lambda field, values: {"field": field, "in": values}, FIELDS, st.lists(SCALARS, max_size=3)),
    st.builds(
        lambda field, low, name: {"field": field, name: low}, FIELDS, NUMBERS | DATES, st.sampled_from(["gt", "lte"])
    ),
    st.builds(lambda field, low, high: {"field": field, "gte": low, "lt": high}, FIELDS, NUMBERS, NUMBERS),
)
FORMS = st.sampled_from(["all", "any"])
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda parts, form: {form: parts}, st.lists(inner, min_size=1, max_size=3), st.sampled_from(["all", "any"])
        ),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=6,
)


def holds(condition: Condition | None, tags: list[str], numbers: dict[str, float]) -> bool:
    """Say what a database would."""
    match condition:
        case None:
            return True
        case Tagged(wanted, negated):
            return bool({*wanted} & {*tags}) != negated
        case Bounded(name, at_least, value):
            return name in numbers and (numbers[name] >= value if at_least else numbers[name] <= value)
        case Combined(parts, any_of):
            return (any if any_of else all)(holds(part, tags, numbers) for part in parts)


@given(METADATA, FILTERS)
def test_a_database_finds_all_that_the_filter_wants(metadata: dict[str, Any], wanted: dict[str, Any]) -> None:
    by = MetadataFilter.model_validate(wanted)
    condition = Wanted.of(SearchScope(filter=by)).condition
    if matches(by, metadata):
        assert holds(condition, tags_of(metadata), numbers_of(metadata))


@given(METADATA, LEAVES)
def test_without_lists_it_finds_no_more(metadata: dict[str, Any], wanted: dict[str, Any]) -> None:
    by = MetadataFilter.model_validate(wanted)
    if any(isinstance(value, tuple) or value in {0, 10**18} for value in metadata.values()) or "gt" in wanted:
        return
    if "lt" in wanted or any(isinstance(bound, int) and abs(bound) > 2**53 for bound in wanted.values()):
        return  # bounds are rounded, and stand for those that are not strict
    condition = Wanted.of(SearchScope(filter=by)).condition
    assert holds(condition, tags_of(metadata), numbers_of(metadata)) == matches(by, metadata)


@pytest.mark.parametrize(
    ("allowed", "tags"),
    [(None, [EVERYONE]), ((), [NOBODY]), (("hr", "hr"), ["=hr"]), (("*", "-"), ["=*", "=-"])],
)
def test_no_role_stands_for_everyone(allowed: tuple[str, ...] | None, tags: list[str]) -> None:
    assert role_tags(allowed) == tags


def test_a_search_asks_for_its_tenant_and_roles_only() -> None:
    wanted = Wanted.of(SearchScope("docs", "acme", frozenset({"hr", "*"})))
    assert wanted == Wanted("docs", ("", "acme"), (EVERYONE, "=*", "=hr"))
    assert Wanted.of(SearchScope()).tenants == ("",)
