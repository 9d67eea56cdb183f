from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.expressions.interpolation import split_template


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("${{ a }}", [("a", True)]),
        ("x ${{a}}${{ b }} y", [("x ", False), ("a", True), ("b", True), (" y", False)]),
        ("${{ {'a': {'b': '}}'}} }}", [("{'a': {'b': '}}'}}", True)]),
        ("$${{ a }}", [("${{ a }}", False)]),
        ("${{ a }} $${{", [("a", True), (" ${{", False)]),
        ("}} ${ {{", [("}} ${ {{", False)]),
        ("", []),
    ],
)
def test_that_texts_are_taken_apart(text: str, parts: list[tuple[str, bool]]) -> None:
    assert list(split_template(text, where="w")) == parts


@pytest.mark.parametrize("text", ["${{", "a ${{ b", "${{ b }", "${{ {'a': 1 }}"])
def test_that_what_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^w: `\$\{\{` is not closed"):
        list(split_template(text, where="w"))


@given(st.text(alphabet="ab $"))
def test_that_other_texts_stay_whole(text: str) -> None:
    assert "".join(part for part, _ in split_template(text, where="w")) == text
