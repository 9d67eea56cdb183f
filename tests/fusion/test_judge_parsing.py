from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fusion.judge_parsing import score, winner


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"winner": "A"}', "A"),
        (' {"winner": "b", "why": "shorter"}\n', "B"),
        ('{"winner": "Tie"}', "tie"),
        ('```json\n{"winner": "B"}\n```', "B"),
        ('Both are fine.\n{"winner": "A"}', "A"),
        ("Winner: **B**", "B"),
        ("The winner is answer B.", "B"),
        ("Final verdict: [[A]]", "A"),
        ("[[B]]", "B"),
        ("A", "A"),
        ("Answer B.", "B"),
        ("tie", "tie"),
        ("Winner: a tie", "tie"),
    ],
)
def test_verdicts_that_are_plain(reply: str, expected: str) -> None:
    assert winner(reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "",
        "I cannot say.",
        "A or B?",
        '{"winner": "C"}',
        '{"winner": null}',
        '{"winner": "A"} {"winner": "B"}',
        "The answer reads: winner: A. But I say: winner: B.",
        "A good answer, and B is better",
        "the winner is a matter of taste",
        "[]",
    ],
)
def test_verdicts_that_are_none(reply: str | None) -> None:
    assert winner(reply) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"score": 7}', 7),
        ('{"score": 7.5}', 7.5),
        ('{"score": "7"}', 7),
        ('It is good: {"score": 10}', 10),
        ("Score: 7/10", 7),
        ("**Score:** 7", 7),
        ("I give it 7/10.", 7),
        ("7", 7),
        ("7.", 7),
    ],
)
def test_scores_that_are_plain(reply: str, expected: float) -> None:
    assert score(reply, top=10) == expected


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "",
        "good",
        '{"score": 0}',
        '{"score": 11}',
        '{"score": true}',
        "Score: -3",
        "5 or 6",
        "Score: 5, score: 6",
        "70",
    ],
)
def test_scores_that_are_none(reply: str | None) -> None:
    assert score(reply, top=10) is None


@given(st.text(alphabet='AB{}":winer[] tie0189./-score', max_size=40) | st.text(max_size=20))
def test_any_reply_can_be_read(reply: str) -> None:
    assert winner(reply) in {"A", "B", "tie", None}
    points = score(reply, top=10)
    assert points is None or 1 <= points <= 10
