from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from app.fusion.merging import Rules, merge
from app.normalization import canonical

RULES = st.builds(Rules, st.sampled_from(["vote", "median"]), st.sampled_from(["union", "vote"]), st.booleans())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, "x", "X.", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def merged(*values: Any, **rules: Any) -> tuple[JsonValue, dict[str, float]]:
    found = merge(values, Rules(**rules))
    return found.value, {path: float(agreed) for path, agreed in found.agreement.items()}


def test_each_field_is_voted_on() -> None:
    value, agreement = merged(
        {"name": "Ada", "born": 1815},
        {"name": "ada.", "born": 1816},
        {"name": "Eve", "born": 1815},
        {"name": "Ada", "born": 1},
    )
    assert value == {"name": "Ada", "born": 1815}
    assert agreement == {"name": 0.75, "born": 0.5}


def test_a_tie_goes_to_the_first() -> None:
    assert merged("x", "y", "y", "x")[0] == "x"


def test_objects_are_merged_recursively_and_fields_have_paths() -> None:
    value, agreement = merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"b": 0, "c": 3}})
    assert value == {"a": {"b": 1, "c": 3}}
    assert agreement == {"a.b": pytest.approx(2 / 3), "a.c": pytest.approx(2 / 3)}


def test_a_field_that_most_leave_out_is_left_out() -> None:
    value, agreement = merged({"a": 1, "b": 1}, {"a": 1}, {"a": 1})
    assert value == {"a": 1}
    assert agreement == {"a": 1.0, "b": pytest.approx(2 / 3)}
    assert merged({"a": 1}, {})[0] == {"a": 1}


@pytest.mark.parametrize(
    ("numbers", "middle"),
    [([1, 2, 9], 2), ([1, 2, 3, 9], 2), ([1.0, 2], 1.5), ([1.5, 2.5], 2.0), ([True, 1, 1], 1), ([3], 3)],
)
def test_numbers_can_give_their_median(numbers: list[float], middle: float) -> None:
    value, _ = merged(*numbers, numbers="median")
    assert value == middle
    assert isinstance(value, int) == all(isinstance(number, int) for number in numbers)


def test_agreement_on_a_median_is_the_share_that_hits_it() -> None:
    assert merged(1, 2, 2, 9, numbers="median")[1] == {"": 0.5}


def test_lists_are_united_in_order() -> None:
    value, agreement = merged(["x", "y"], ["Y", "z"], ["y"])
    assert value == ["x", "y", "z"]
    assert agreement == {"": pytest.approx(5 / 9)}


def test_an_item_stands_as_often_as_in_the_list_that_has_it_most() -> None:
    assert merged([1, 1, 2], [1, 2, 2])[0] == [1, 1, 2, 2]


def test_empty_lists_agree() -> None:
    assert merged([], []) == ([], {"": 1.0})


def test_lists_can_be_voted_on() -> None:
    value, agreement = merged([1], [1, 2], [1, 2], lists="vote")
    assert value == [1, 2]
    assert agreement == {"": pytest.approx(2 / 3)}


def test_of_different_kinds_the_most_frequent_is_merged() -> None:
    value, agreement = merged({"a": 1}, [1], {"a": 1})
    assert value == {"a": 1}
    assert agreement == {"a": pytest.approx(2 / 3)}


def test_exactly_spellings_are_different_values() -> None:
    assert merged("X", "x", "x", exact=True)[0] == "x"
    assert merged("X", "x", "x")[0] == "X"


@settings(deadline=None)
@given(JSON, st.integers(1, 4), RULES)
def test_what_all_say_is_what_comes_out(value: JsonValue, times: int, rules: Rules) -> None:
    found = merge([value] * times, rules)
    assert canonical(found.value, exact=True) == canonical(value, exact=True)
    assert set(found.agreement.values()) == {Fraction(1)}


@settings(deadline=None)
@given(st.lists(JSON, min_size=1, max_size=5), RULES)
def test_agreement_is_a_share(values: list[JsonValue], rules: Rules) -> None:
    found = merge(values, rules)
    assert found.agreement
    assert all(0 <= agreed <= 1 for agreed in found.agreement.values())
