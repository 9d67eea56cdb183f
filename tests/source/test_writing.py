from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.source.syntax import parse
from app.source.writing import to_yaml

KEYS = st.text(max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_that_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert parse(to_yaml(value), "file").value == value
    assert yaml.safe_load(to_yaml(value)) == value


@pytest.mark.parametrize(
    "text", ["1e3", "no", "12:30", "007", "1_000", "null", "~", "", " x", "x: y", "${{ a }}", "é\n\n x\n"]
)
def test_that_a_text_stays_a_text(text: str) -> None:
    assert parse(to_yaml({"a": text}), "file").value == {"a": text}
    assert yaml.safe_load(to_yaml({"a": text})) == {"a": text}


def test_that_lines_stay_lines() -> None:
    assert to_yaml({"b": "one\ntwo\n", "a": [1]}) == "b: |\n  one\n  two\na:\n- 1\n"
