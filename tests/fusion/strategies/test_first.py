from __future__ import annotations

from app.fusion.base import Candidate, Fused, Panel, StrategyOptions
from app.fusion.strategies.first import First

SLOW, FAST = Candidate("a", "Lyon"), Candidate("b", "Paris", data="Paris")
FIRST = First(StrategyOptions())


def test_what_came_first_is_taken_whatever_the_order() -> None:
    assert FIRST.fuse(Panel([FAST, SLOW], ["a", "b"])) == Fused(
        "Paris", "b", 0.5, "b answered first", groups=(("a",), ("b",)), data="Paris"
    )


def test_agreement_is_the_share_that_says_the_same() -> None:
    fused = FIRST.fuse(Panel([SLOW, Candidate("c", "lyon."), Candidate("d", "LYON"), Candidate("e", "Nice")]))
    assert fused.agreement == 0.75
    assert fused.groups == (("a", "c", "d"), ("e",))


def test_one_answer_decides() -> None:
    assert not FIRST.decided([], 3)
    assert FIRST.decided([FAST], 2)
    assert FIRST.decided([], 0)
