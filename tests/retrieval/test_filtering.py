from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.filtering import matches
from app.retrieval.index.metadata_index import MetadataIndex
from topics.metadata_filters import MetadataFilter, MetadataValue

TRAVEL: dict[str, MetadataValue] = {
    "kind": "policy",
    "year": 2026,
    "public": True,
    "tags": ("trains", "planes"),
    "valid_from": "2026-01-01",
    "rates": (0.5, 19),
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"field": "kind", "eq": "policy"}, True),
        ({"field": "kind", "eq": "Policy"}, False),
        ({"field": "year", "eq": 2026.0}, True),
        ({"field": "year", "eq": "2026"}, False),
        ({"field": "public", "eq": True}, True),
        ({"field": "public", "eq": 1}, False),
        ({"field": "tags", "eq": "planes"}, True),
        ({"field": "tags", "in": ["cars", "trains"]}, True),
        ({"field": "tags", "in": []}, False),
        ({"field": "none", "eq": ""}, False),
        ({"not": {"field": "none", "eq": ""}}, True),
        ({"field": "year", "gt": 2025, "lte": 2026}, True),
        ({"field": "year", "gt": 2026}, False),
        ({"field": "year", "gte": "2020-01-01"}, False),
        ({"field": "kind", "gt": 0}, False),
        ({"field": "valid_from", "gte": "2026-01-01T00:00Z", "lt": "2026-01-02"}, True),
        ({"field": "valid_from", "lt": "2026-01-01T00:00+02:00"}, False),
        ({"field": "valid_from", "gt": "2025-12-31T23:30-01:00"}, False),
        ({"field": "rates", "gt": 1, "lt": 10}, False),  # no single one of them
        ({"all": [{"field": "kind", "eq": "policy"}, {"field": "year", "lt": 2000}]}, False),
        ({"any": [{"field": "kind", "eq": "policy"}, {"field": "year", "lt": 2000}]}, True),
    ],
)
def test_which_documents_a_filter_wants(wanted: dict[str, Any], *, expected: bool) -> None:
    by = MetadataFilter.model_validate(wanted)
    assert matches(by, TRAVEL) is expected
    assert MetadataIndex([{}, TRAVEL]).wanted(by).tolist() == [matches(by, {}), expected]


def _depth(wanted: dict[str, Any]) -> int:
    inner = [*wanted.get("all", ()), *wanted.get("any", ()), *([wanted["not"]] if "not" in wanted else [])]
    return 1 + max(map(_depth, inner), default=0)


FIELDS = st.sampled_from("abc")
NUMBERS = st.sampled_from([0, 1, 2, 1.5, -0.0, 2**53, 2**53 + 1])
DATES = st.sampled_from(["2026-01-01", "2026-01-01T00:00Z", "2025-12-31T23:00-02:00", "2026-02-30", "1900-01-01"])
SCALARS = NUMBERS | DATES | st.booleans() | st.sampled_from(["", "x", "1", "true"])
METADATA = st.dictionaries(FIELDS, SCALARS | st.lists(SCALARS, max_size=3).map(tuple), max_size=3)
REAL_DATES = DATES.filter(lambda date: "02-30" not in date)
RANGES = st.tuples(st.sampled_from(["gt", "gte"]), st.sampled_from(["lt", "lte"])).flatmap(
    lambda names: st.sampled_from([NUMBERS, REAL_DATES]).flatmap(
        lambda bound: st.dictionaries(st.sampled_from(names), bound, min_size=1)
    )
)
CONDITIONS = st.builds(
    lambda field, condition: {"field": field, **condition},
    FIELDS,
    st.builds(lambda value: {"eq": value}, SCALARS)
    | st.builds(lambda values: {"in": values}, st.lists(SCALARS, max_size=4))
    | RANGES,
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: (
        st.builds(lambda name, parts: {name: parts}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1))
        | st.builds(lambda part: {"not": part}, inner)
    ),
    max_leaves=8,
).filter(lambda wanted: _depth(wanted) <= 10)


@settings(deadline=None, max_examples=300)
@given(FILTERS, st.lists(METADATA, max_size=12))
def test_that_the_index_finds_what_a_look_at_each_document_does(
    wanted: dict[str, Any], documents: list[dict[str, MetadataValue]]
) -> None:
    by = MetadataFilter.model_validate(wanted)
    assert MetadataIndex(documents).wanted(by).tolist() == [matches(by, document) for document in documents]
