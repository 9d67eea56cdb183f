from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.answers.characters import Characters, whole_characters


def joined(*pieces: str) -> list[str]:
    characters = Characters()
    return [*map(characters.add, pieces), characters.close()]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (("Well done \ud83d", "\ude00 indeed"), "Well done 😀 indeed"),
        (("\ud83d", "", "\ude00"), "😀"),
        (("\ud83d\ude00",), "😀"),
        (("a\ud83d", "\ud83d\ude00b"), "a\ufffd😀b"),
        (("a\ud83d",), "a\ufffd"),
        (("\ude00a",), "\ufffda"),
        (("\ud83d", "b"), "\ufffdb"),
        # Bytes of UTF-8, decoded with `surrogateescape`.
        (("Gr\udcc3", "\udcb6ße"), "Größe"),
        (("\udcf0\udc9f", "\udc98", "\udc80"), "😀"),
        (("\udcff", "a"), "\ufffda"),
        (("a\udcf0\udc9f",), "a\ufffd"),
        # The second half of a pair may look like a byte.
        (("\ud83d", "\udc80"), "💀"),
        (("\udc80",), "\ufffd"),
    ],
)
def test_halves_are_joined_or_replaced(pieces: tuple[str, ...], text: str) -> None:
    assert "".join(joined(*pieces)) == text


def test_only_what_is_incomplete_is_held_back() -> None:
    assert joined("Hello \ud83d", "\ude00!", " Bye.") == ["Hello ", "😀!", " Bye.", ""]


@pytest.mark.parametrize(("text", "repaired"), [("Größe 😀", False), ("\ud83d\ude00", True), ("\udcc3", True)])
def test_a_repair_is_noted(text: str, *, repaired: bool) -> None:
    characters = Characters()
    characters.add(text)

    assert characters.repaired == repaired


@given(st.text(), st.lists(st.integers(0, 40), max_size=6))
def test_no_text_is_changed_wherever_its_escapes_are_cut(text: str, cuts: list[int]) -> None:
    units = text.encode("utf-16-le")
    halves = "".join(units[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2))
    places = [0, *sorted(cuts), len(halves)]

    assert "".join(joined(*(halves[one:other] for one, other in itertools.pairwise(places)))) == text


@given(st.binary(max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_bytes_become_what_they_would_be_at_once(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[one:other].decode("utf-8", "surrogateescape") for one, other in itertools.pairwise(places)]

    assert "".join(joined(*pieces)) == data.decode("utf-8", "replace")


@given(st.lists(st.integers(0xD800, 0xDFFF) | st.integers(0x20, 0x7F), max_size=12))
def test_whatever_comes_can_be_encoded(points: list[int]) -> None:
    whole_characters("".join(map(chr, points))).encode()
