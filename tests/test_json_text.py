from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from app.json_text import parse, strict
from app.normalization import canonical

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1]}',
        ' \n{"a": [1]}\n',
        'Here you are:\n```json\n{"a": [1]}\n```\nAnything else? {no}',
        'The answer is {"a": [1]}, as asked.',
        '<think>{"a": [2]}?</think>\n{"a": [1]}',
        'So {"a": [2]} or not.</think>```json\n{"a": [1]}\n```',
        '[THINK]{"a": 2}[/THINK] {"a": [1]}',
    ],
)
def test_json_is_found_in_an_answer(text: str) -> None:
    assert parse(text) == {"a": [1]}


@pytest.mark.parametrize(
    "text", ["", "no", "{", "}{", "{a: 1}", "[1] or [2]", "NaN", "[1e999]", '{"a": 1} or {"a": 2}', "[" * 300]
)
def test_what_is_no_json_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_tag_within_the_json_is_a_part_of_it() -> None:
    assert parse('{"a": "</think>"}') == {"a": "</think>"}


def test_half_of_a_character_does_not_lose_the_answer() -> None:
    assert parse('{"a": "x\\ud83d"}') == parse('{"a": "x\ud83d"}') == {"a": "x\ufffd"}


def test_strictly_only_the_whole_counts() -> None:
    assert strict("[1]") == [1]
    with pytest.raises(ValueError, match=r"."):
        strict("so: [1]")


@pytest.mark.parametrize("hostile", ["{[", "```\n", "``` \n\n\n"])
def test_the_time_to_find_none_is_in_proportion(hostile: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(hostile * 100_000)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}),
        ({"city": "Paris."}, {"city": "paris"}),
        ([0.0], [-0.0]),
    ],
)
def test_what_says_the_same_is_one(one: JsonValue, other: JsonValue) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, "1"), ([1, 2], [2, 1]), (None, "null"), ({"A": 1}, {"a": 1}), ({}, [])],
)
def test_what_differs_differs(one: JsonValue, other: JsonValue) -> None:
    assert canonical(one) != canonical(other)


def test_exactly_the_spelling_counts() -> None:
    assert canonical("Paris", exact=True) != canonical("paris", exact=True)


@settings(deadline=None)
@given(JSON)
def test_exactly_it_is_still_the_value(value: JsonValue) -> None:
    assert strict(canonical(value, exact=True)) == value
