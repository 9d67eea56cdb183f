from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.sentences import grammar, sentences, unrepeated


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("One. Two! Three? Fo", ["One.", "Two!", "Three?"]),
        ("See docs/delivery.md for 3.5 of them. It", ["See docs/delivery.md for 3.5 of them."]),
        ("It is **said.** And `done.`", ["It is **said.**", "And `done.`"]),
        ("It never ends", []),
        ("", []),
    ],
)
def test_whole_sentences_are_found(text: str, whole: list[str]) -> None:
    assert list(sentences(text)) == whole


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The answer is no. The answer is no. The answer is n", "The answer is no."),
        ("The answer is no. *The answer is no!* It is yes.", "The answer is no."),
        ("It is so. It is not. It is", "It is so. It is not."),
        ("It is", ""),
    ],
)
def test_what_repeats_or_is_cut_off_is_left_out(text: str, kept: str) -> None:
    assert unrepeated(text) == kept


@given(st.text(alphabet="ab. !?`*\n", max_size=200))
def test_what_is_kept_is_whole_and_stays_as_it_is(text: str) -> None:
    kept = unrepeated(text)
    assert unrepeated(kept) == kept
    assert not kept or kept.rstrip("\"'`)*]")[-1] in ".!?"


@pytest.mark.parametrize("worst", [".", "a. ", '."""', "a", " ", "a.)"])
def test_time_grows_with_the_text_and_no_faster(worst: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        unrepeated(worst * times)
        return time.process_time() - began

    few, many = (min(seconds(times) for _ in range(3)) for times in (20_000, 80_000))
    assert many < max(few, 0.005) * 4 * 2.5


def test_a_grammar_names_how_many_sentences() -> None:
    assert grammar(1).startswith("root ::= sentence \n")
    assert grammar(3).startswith('root ::= sentence (" " sentence){0,2}\n')
