from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.source.syntax import parse

#: YAML's limit for a key on one line is 1024 characters, escapes included.
KEYS = st.text(max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_every_json_object_is_read_as_json_reads_it(value: dict[str, Any]) -> None:
    document = parse(json.dumps(value), "file")
    assert document.value == value
    assert document.problems == []


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("true", True),
        ("~", None),
        ("", None),
        ('"5"', "5"),
    ],
)
def test_plain_scalars_follow_the_core_schema(written: str, value: object) -> None:
    found = parse(f"key: {written}", "file").value["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_has_its_place() -> None:
    places = parse("a: 1\nb:\n  c:\n    - x\n    - y\n", "file").places
    assert places == {
        (): "file",
        ("a",): "file:1",
        ("b",): "file:2",
        ("b", "c"): "file:3",
        ("b", "c", 0): "file:4",
        ("b", "c", 1): "file:5",
    }


def test_a_number_beyond_measure_is_a_problem() -> None:
    (problem,) = parse("a: " + "9" * 5000, "file").problems
    assert str(problem) == "file:1: a: this number has too many digits"


def test_that_aliases_may_not_multiply_a_long_text() -> None:
    text = f"a: &x {'y' * 200_000}\nb: [{', '.join(['*x'] * 9_000)}]"
    with pytest.raises(ConfigurationError, match="aliases or nesting make this file too large"):
        parse(text, "f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 01234", "f:1: a: a number cannot begin with 0; leave it out, or put quotes around a text"),
        ("a: -00", "f:1: a: a number cannot begin with 0; leave it out, or put quotes around a text"),
        ("a: 1e400", "f:1: a: this number is too large; put quotes around a text"),
        ("a: [-1e999]", "f:1: a.0: this number is too large; put quotes around a text"),
        ("a: {{ x }}", 'f:1: a: a value that begins with {{ or {% must be in quotes, as in "{{ input.text }}"'),
    ],
)
def test_that_a_value_which_is_not_what_it_looks_like_is_a_problem(text: str, said: str) -> None:
    (problem,) = parse(text, "f").problems
    assert str(problem) == said


def test_that_numbers_with_a_zero_and_quoted_merge_keys_are_fine() -> None:
    document = parse("a: [0, -0, 0.5, 0e1, 10, '007']\nb: {'<<': 1}", "f")
    assert document.problems == []
    assert document.value == {"a": [0, 0, 0.5, 0.0, 10, "007"], "b": {"<<": 1}}
