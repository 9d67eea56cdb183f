from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.fusion.base import Call, Calls, Candidate, Fused
from app.fusion.conformance import fuse
from app.fusion.strategies.best_of_n import BestOfN, BestOfNOptions
from tests.fusion.panels import candidates, panel, prefers, says


def best(**options: Any) -> BestOfN:
    return BestOfN(BestOfNOptions(judge="big", **options))


def test_the_winner_of_most_pairs_is_taken() -> None:
    fused, calls = fuse(best(), panel("x", "y", "z"), prefers("y", "z", "x"))
    assert (fused.text, fused.branch, fused.confidence) == ("y", "b", 1.0)
    assert fused.reason == "big found it best of 3 distinct answers"
    assert {call.model for call in calls} == {"big"} == set(best().models)
    assert len(calls) == 6


def test_equal_answers_are_judged_once() -> None:
    fused, calls = fuse(best(), panel("x", "y", "X."), prefers("y", "x"))
    assert (fused.text, len(calls)) == ("y", 2)
    assert fused.agreement == pytest.approx(2 / 3)
    assert fused.groups == (("a", "c"), ("b",))


def test_no_more_than_asked_for_are_judged() -> None:
    fused, calls = fuse(best(at_most=2), panel("x", "y", "z", "Z"), prefers("z", "x"))
    assert (fused.text, len(calls)) == ("z", 2)
    assert "(1 more were not judged)" in fused.reason


def test_verdicts_that_flip_are_ties_and_the_first_in_order_is_taken() -> None:
    fused, _ = fuse(best(), panel("x", "y", order="ba"), says('{"winner": "A"}'))
    assert (fused.branch, fused.confidence) == ("b", 0.5)
    assert "1 changed with the order and count as ties; tied and first in order" in fused.reason


@pytest.mark.parametrize("mode", ["pairwise", "pointwise"])
@pytest.mark.parametrize("reply", [None, "", "I'd rather not."])
def test_without_a_verdict_the_most_frequent_answer_is_taken(mode: str, reply: str | None) -> None:
    fused, _ = fuse(best(mode=mode), panel("x", "y", "Y"), says(reply))
    assert (fused.branch, fused.confidence) == ("b", None)
    found = "verdict" if mode == "pairwise" else "score"
    assert f"the judge gave no {found}, so answers were counted; 2 of 3" in fused.reason


@pytest.mark.parametrize("mode", ["pairwise", "pointwise"])
def test_one_answer_needs_no_judge(mode: str) -> None:
    fused, calls = fuse(best(mode=mode), panel("x", "X"), None)
    assert (fused.branch, fused.agreement, calls) == ("a", 1.0, [])


def scores(**points: str) -> Any:
    def judge(call: Call) -> str:
        return points[call.label.removeprefix("judge ")]

    return judge


def test_pointwise_the_highest_score_is_taken() -> None:
    fused, calls = fuse(best(mode="pointwise"), panel("x", "y", "z"), scores(a="3", b='{"score": 7}', c="Score: 5/10"))
    assert (fused.branch, len(calls)) == ("b", 3)
    assert fused.confidence == pytest.approx(6 / 9)
    assert fused.reason == "big scored it 7 of 10, the best of 3 distinct answers"


def test_pointwise_scores_that_failed_are_left_out() -> None:
    fused, _ = fuse(best(mode="pointwise", top=5), panel("x", "y", "z"), scores(a="?", b="4", c="4"))
    assert (fused.branch, fused.confidence) == ("b", 0.75)
    assert fused.reason.endswith("; 1 scores failed or could not be read; tied and first in order")


def test_an_answer_that_comes_late_is_judged_too_and_nothing_is_judged_twice() -> None:
    strategy, early = best(), panel("x", "z")
    outcome = strategy.fuse(early)
    assert isinstance(outcome, Calls)
    replies = {call.label: prefers("x", "z")(call) for call in outcome.calls}
    late = replace(early, candidates=[Candidate("aa", "y"), *early.candidates], order="", replies=replies)
    again = strategy.fuse(late)
    assert isinstance(again, Calls)
    assert len(again.calls) == 4
    fused = strategy.fuse(
        replace(late, replies={**replies, **{c.label: prefers("x", "y", "z")(c) for c in again.calls}})
    )
    assert isinstance(fused, Fused)
    assert fused.text == "x"


def test_all_answers_are_awaited() -> None:
    assert not best().decided(candidates("x", "x"), 1)
    assert best().decided(candidates("x"), 0)
