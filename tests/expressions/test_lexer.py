from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.expressions.lexer import Token, string_value, tokenize


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a.b['c']", ["a", ".", "b", "[", "'c'", "]"]),
        ("x // a comment\n+ 1", ["x", "+", "1"]),
        (r"'it\'s' + r'\' + '''a'b'''", [r"'it\'s'", "+", r"r'\'", "+", "'''a'b'''"]),
        ("b'x' 0x1Fu 1.5e-3 .5", ["b'x'", "0x1Fu", "1.5e-3", ".5"]),
        ("a.b.c", ["a", ".", "b", ".", "c"]),
        ("bar r", ["bar", "r"]),
    ],
)
def test_that_words_are_told_apart(source: str, words: list[str]) -> None:
    assert [token.text for token in tokenize(source)] == words


@given(st.text(alphabet="ab'\"\\ {}./rb\n", max_size=40))
def test_that_nothing_but_spaces_and_comments_is_lost(source: str) -> None:
    found = list(tokenize(source))
    assert all(source.startswith(token.text, token.start) for token in found)
    between, end = "", 0
    for token in found:
        between += source[end : token.start] + "\n"
        end = token.start + len(token.text)
    assert all(not line.strip() or line.strip().startswith("//") for line in (between + source[end:]).split("\n"))


def test_that_a_literal_without_escapes_says_what_it_says() -> None:
    assert string_value(Token("text", '"a b"', 0)) == "a b"
    assert string_value(Token("text", r"'a\n'", 0)) is None
    assert string_value(Token("name", "a", 0)) is None
