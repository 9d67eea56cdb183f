from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.calling.continuation import RepetitionFilter, without_repetition


@pytest.mark.parametrize(
    ("said", "text", "whole"),
    [
        # All of it again.
        ("The capital is ", "The capital is Paris.", "The capital is Paris."),
        ("The capital is", "The capital is Paris.", "The capital is Paris."),
        ("The capital is ", "\n\nThe capital is  Paris.", "The capital is Paris."),
        ("\nThe capital is\n", "The capital is Paris.", "\nThe capital is\nParis."),
        ("The cap", "The capital is Paris.", "The capital is Paris."),
        ("Paris", "Paris", "Paris"),
        ("The capital is Paris.", "The capital is", "The capital is Paris."),
        # Its end again.
        ("Paris is large. The capital is ", "The capital is Paris.", "Paris is large. The capital is Paris."),
        ("It is the capital of Fra", "capital of France.", "It is the capital of France."),
        ("The capital is Par", "Paris.", "The capital is Paris."),
        # What goes on.
        ("The capital is ", "Paris.", "The capital is Paris."),
        ("The capital is", " Paris.", "The capital is Paris."),
        ("The capital ", "The Hague has none.", "The capital The Hague has none."),
        ("It is very ", "very good", "It is very very good"),
        ("The ", "There is", "The There is"),
        ("The capital of The ", "The capital of Theory", "The capital of The The capital of Theory"),
        ("1", "1 apples", "11 apples"),
        ("It is 123", "123 m", "It is 123123 m"),
        ("ha ha", "haha", "ha hahaha"),
        ("One", "", "One"),
        ("", "One", "One"),
    ],
)
def test_what_was_said_is_not_said_again(said: str, text: str, whole: str) -> None:
    assert said + without_repetition(said, text) == whole


@given(st.text("ab \n", max_size=30), st.text("ab \n", max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_how_a_text_is_cut_makes_no_difference(said: str, text: str, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    repetition = RepetitionFilter(said)
    pieces = [repetition.add(text[one:other]) for one, other in itertools.pairwise(places)]

    assert "".join(pieces) + repetition.close() == without_repetition(said, text)


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_but_a_repetition_is_left_out(said: str, text: str) -> None:
    assert text.endswith(without_repetition(said, text))


def test_what_cannot_be_a_repetition_is_not_held_back() -> None:
    repetition = RepetitionFilter("The capital is ")

    assert [repetition.add(piece) for piece in ("Par", "is", ".")] == ["Par", "is", "."]
    assert not repetition.dropped
