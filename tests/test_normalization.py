from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.normalization import normalize


@pytest.mark.parametrize(
    "text",
    ["Paris", "paris.", "  PARIS!\n", '"Paris"', "**Paris**.", "The Paris", "'Paris.'", "\uff30aris", "Paris\u3002"],
)
def test_spellings_of_one_answer(text: str) -> None:
    assert normalize(text) == "paris"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("A", "a"),
        ("A.", "a"),
        ("the", "the"),
        ("?!", "?!"),
        ("An   old\tman", "old man"),
        ("theatre", "theatre"),
        ("C++", "c++"),
        ("C#", "c#"),
        ("-5.", "-5"),
        ("3.14", "3.14"),
        ("10\u00b2", "10^2"),
        ("10\u207b\u00b9\u2070", "10^\u221210"),
        ("x\u2082", "x2"),
        ("1\u00bd", "1 1\u20442"),
        ("50 %", "50 %"),
        ("Straße", "strasse"),
        ("Vitamin A deficiency", "vitamin a deficiency"),
        ('say "yes"', 'say "yes"'),
    ],
)
def test_what_makes_an_answer_is_kept(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize("hostile", ["```\n", "' ", "a ", "\u201c.", ". ", "'"])
def test_the_time_it_takes_is_in_proportion(hostile: str) -> None:
    # Quadratic time would be minutes here, and a worker that stands still meanwhile.
    assert len(normalize(hostile * 100_000)) <= 400_000


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="aAthe \"'*.!?\u201c\u201d\u2026", max_size=12))
def test_twice_is_once(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_only_nothing_becomes_nothing(text: str) -> None:
    assert bool(normalize(text)) == bool(text.strip())
