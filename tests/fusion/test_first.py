from __future__ import annotations

from app.fusion.base import Candidate, Fused
from app.fusion.first import First

SLOW, FAST = Candidate("a", "Lyon"), Candidate("b", "Paris")


def test_what_came_first_is_taken_whatever_the_order() -> None:
    assert First().fuse([FAST, SLOW], order=["a", "b"]) == Fused("Paris", "b", 0.5, "b answered first")


def test_agreement_is_the_share_that_says_the_same() -> None:
    assert First().fuse([FAST, SLOW, Candidate("c", "paris."), Candidate("d", "PARIS")]).agreement == 0.75


def test_one_answer_decides() -> None:
    assert not First().decided([], 3)
    assert First().decided([FAST], 2)
    assert First().decided([], 0)
