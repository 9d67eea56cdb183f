from __future__ import annotations

from typing import Any

import pytest

from app.workflows.definition.search_filters import check_filter, read_filter


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "needs one of field, all, any, not, and has none"),
        ({"field": "a", "not": {"field": "a", "eq": 1}}, "needs one of field, all, any, not, and has field and not"),
        ({"eq": 1}, "eq needs the field that it is about"),
        ({"field": "a"}, "a condition is eq, or in, or a range"),
        ({"field": "a", "eq": 1, "in": [1]}, "a condition is eq, or in, or a range"),
        ({"field": "a", "eq": None}, "a condition is eq, or in, or a range"),
        ({"field": "a", "eq": {"b": 1}}, "eq: must be a text, a number, true or false"),
        ({"field": "a", "gt": True}, "gt: must be a number or a date"),
        ({"field": "a", "gt": "x"}, "'x' is neither a number nor a date such as 2026-12-31"),
        ({"field": "a", "lt": "2026-02-30"}, "'2026-02-30' is neither a number nor a date"),
        ({"field": "a", "gt": 1, "lt": "2026-01-01"}, "a range is of numbers or of dates, not of both"),
        ({"field": "a", "gt": 1, "gte": 2}, "give one of each at most"),
        ({"all": []}, "all: must have at least one entry"),
        ({"all": [{"field": "a", "eq": 1}, {"feld": "a", "eq": 1}]}, "all.1.feld: a filter has no such key"),
        ({"any": [{"not": {"field": "a", "gt": "x"}}]}, "any.0.not: 'x' is neither"),
        (1, "must be a mapping"),
    ],
)
def test_that_a_wrong_filter_is_refused_with_its_place(wrong: Any, said: str) -> None:
    for check in (check_filter, read_filter):
        with pytest.raises(ValueError, match=r".") as caught:
            check(wrong)
        assert said in str(caught.value)


@pytest.mark.parametrize(
    "filled_in",
    [
        None,
        "${{ input.filter }}",
        {"field": "a", "eq": "${{ input.a }}"},
        {"field": "a", "gte": 2020, "lt": "${{ input.a }}"},
        {"field": "a", "in": ["${{ input.a }}", 1]},
        {"all": ["${{ input.filter }}", {"not": {"field": "a", "in": "${{ input.a }}"}}]},
        {"any": "${{ input.filters }}"},
    ],
)
def test_that_what_a_task_decides_is_not_known_yet(filled_in: Any) -> None:
    check_filter(filled_in)


def test_that_what_is_known_is_checked_beside_what_is_not() -> None:
    wrong_ones: tuple[Any, ...] = (
        {"field": "a", "gt": "${{ input.a }}", "eq": 1, "lt": 2},
        {"all": ["${{ input.filter }}", {"field": "a", "lt": "soon"}]},
        {"fields": "${{ input.a }}", "eq": 1},
    )
    for wrong in wrong_ones:
        with pytest.raises(ValueError, match=r"a condition|neither|needs"):
            check_filter(wrong)


def test_that_a_filter_is_not_nested_for_ever() -> None:
    nested: Any = {"field": "a", "eq": 1}
    for _ in range(9):
        nested = {"not": nested}
    assert read_filter(nested)
    with pytest.raises(ValueError, match="nested more than 10 deep"):
        read_filter({"not": nested})
