from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.chunking.document_text import DocumentText


def test_every_kind_of_line_end_is_one_line_end() -> None:
    source = DocumentText("a\r\nb\rc\nd")
    assert source.lines == ["a", "b", "c", "d"]
    assert source.text == "a\nb\nc\nd"


def test_what_only_looks_like_a_line_end_is_none() -> None:
    assert DocumentText("a\x0bb\x0cc\u2028d").lines == ["a\x0bb\x0cc\u2028d"]


def test_a_word_is_a_run_of_visible_characters() -> None:
    source = DocumentText("two words, indeed")
    assert source.words(0, len(source.text)) == 3
    assert source.text[source.word(0, 1) :] == "words, indeed"


def test_scripts_without_spaces_count_by_character() -> None:
    text = "設定を変える"
    assert DocumentText(text).words(0, len(text)) == 6


def test_a_long_run_counts_for_its_length() -> None:
    assert DocumentText("x" * 320).words(0, 320) == 10


def test_the_rest_of_a_word_is_a_word() -> None:
    source = DocumentText("<tr>one<tr>two three ")
    assert [source.words(start, 18) for start in (0, 7, 14, 15)] == [2, 2, 1, 1]
    assert source.words(20, 21) == source.words(0, 0) == 0
    assert source.text[source.word(7, 1) :] == "three "


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ภาษาไทย", 7),
        ("ខ្ញុំ", 2),
        ("설정", 2),
        ("\u1109\u1165\u11af", 1),
        ("e\u0301" * 33, 2),
        ("\u0301" * 9, 1),
        ("ก" + "\u0e49" * 20, 3),
    ],
)
def test_marks_belong_to_their_character_but_not_without_end(text: str, count: int) -> None:
    assert DocumentText(text).words(0, len(text)) == count


def test_a_word_past_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        DocumentText("one").word(0, 1)


@settings(deadline=None)
@given(st.text())
def test_lines_and_offsets_are_inverse(text: str) -> None:
    source = DocumentText(text)
    for number, line in enumerate(source.lines):
        start = source.offset(number)
        assert source.text[start : start + len(line)] == line
        assert source.line(start) == number
        assert source.line(start + len(line)) == number


@settings(deadline=None)
@given(st.text())
def test_blank_lines_and_only_they_have_no_words(text: str) -> None:
    source = DocumentText(text)
    for number in range(len(source.lines)):
        assert source.blank(number) == (source.words(source.offset(number), source.offset(number + 1)) == 0)
