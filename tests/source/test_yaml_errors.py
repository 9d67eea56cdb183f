from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.source.syntax import parse

SECRET = "sk-12345"


def _said(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: x: y", "f:1: is not valid YAML: a text with a colon and a space in it must be in quotes"),
        ("a: `x`", "f:1: is not valid YAML: a text that begins with % or @ or ` must be in quotes"),
        ("a: &", "f:1: is not valid YAML: a text that begins with * or & must be in quotes"),
        ("a: [1, 2", "f:1: is not valid YAML: a bracket is opened and never closed"),
        ("a: [1 2: 3}", "f:1: is not valid YAML: a bracket is not closed, or a comma is missing in it"),
        ("a: - b", "f:1: is not valid YAML: an entry of a list (- x) begins on a line of its own"),
        (
            "a:\n  - b\n c: d",
            "f:3: is not valid YAML: is not indented as the keys before it: align keys of the same section",
        ),
        (
            'a: "\\d"',
            "f:1: is not valid YAML: has a \\ in double quotes that is no escape: use single quotes, or write \\\\",
        ),
        (
            "a: 1\nb",
            "f:2: is not valid YAML: a key needs a colon and a space after it; a text of several lines begins with |",
        ),
        ("a:\n\tb: 1", "f:2: is not valid YAML: contains a tab; indent with spaces"),
        (
            "- {{ a }}: [",
            'f:1: is not valid YAML: a value that begins with {{ or {% must be in quotes, as in "{{ input.text }}"',
        ),
    ],
)
def test_that_each_error_says_what_to_write(text: str, said: str) -> None:
    assert _said(text) == said


@given(st.text(alphabet="ab:-[]{}'\"%&*!|>@`#,?\n\t \\\\", max_size=40))
def test_that_no_error_repeats_the_file(text: str) -> None:
    said = ""
    try:
        parse(f"key: {SECRET}{text}", "f")
    except ConfigurationError as error:
        said = str(error)
    assert SECRET not in said
