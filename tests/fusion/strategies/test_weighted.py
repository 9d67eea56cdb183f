from __future__ import annotations

from itertools import product
from math import log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.fusion.base import Candidate, Panel
from app.fusion.strategies.weighted import Weighted, WeightedOptions
from tests.fusion.panels import candidates, panel


def weighted(**options: Any) -> Weighted:
    return Weighted(WeightedOptions(**options))


def test_the_heaviest_answer_wins() -> None:
    fused = weighted(weights={"a": 3}).fuse(panel("Lyon", "Paris", "Paris"))
    assert (fused.branch, fused.agreement, fused.confidence) == ("a", 0.6, None)
    assert fused.groups == (("a",), ("b", "c"))
    assert fused.reason == "1 of 3 gave this answer, with 3 of 5 of the weight"


def test_samples_of_a_model_weigh_as_the_model() -> None:
    pool = [Candidate("a#1", "x", model="a"), Candidate("a#2", "x", model="a"), Candidate("b", "y", model="b")]
    assert weighted(weights={"a": 2, "b": 3}).fuse(Panel(pool)).text == "x"


def test_one_reliable_model_outweighs_two_that_guess() -> None:
    strategy = weighted(accuracies={"a": 0.9, "b": 0.6, "c": 0.6})
    fused = strategy.fuse(panel("yes", "no", "no"))
    assert fused.branch == "a"
    # Bayes: 0.9 * 0.4 * 0.4 against 0.1 * 0.6 * 0.6
    assert fused.confidence == pytest.approx(0.144 / (0.144 + 0.036), abs=1e-6)


def test_among_more_choices_agreement_is_worth_more() -> None:
    strategy = weighted(accuracies={"a": 0.6, "b": 0.6}, choices=4)
    # Bayes with three wrong answers that are equally probable: (0.6 / 0.4 * 3) ** 2 against 1 for each
    assert strategy.fuse(panel("B", "B")).confidence == pytest.approx(20.25 / 23.25, abs=1e-6)


def test_more_answers_than_choices_are_all_choices() -> None:
    fused = weighted(accuracies={"a": 0.5}).fuse(panel("x", "y", "z"))
    assert fused.confidence == pytest.approx(1 / 3)


def test_who_is_mostly_wrong_speaks_against_its_answer() -> None:
    fused = weighted(accuracies={"a": 0.1, "b": 0.5}).fuse(panel("yes", "no"))
    assert fused.branch == "b"
    assert fused.confidence == pytest.approx(0.9)
    alone = weighted(accuracies={"a": 0.1}).fuse(panel("yes"))
    assert alone.agreement == 0
    assert alone.confidence == pytest.approx(0.1)


def test_odds_near_one_do_not_overflow() -> None:
    fused = weighted(accuracies={"a": 1 - 1e-12}, choices=1_000_000).fuse(
        Panel([Candidate(str(number), "x", model="a") for number in range(100)])
    )
    assert fused.confidence == pytest.approx(1)


def test_conclusions_can_be_compared() -> None:
    fused = weighted(weights={"a": 3}, extract="number", keep="extract").fuse(panel("so 7", "I say 8", "8"))
    assert (fused.text, fused.branch) == ("7", "a")
    assert "nothing could be" in weighted(weights={"a": 3}, extract="number").fuse(panel("x")).reason


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "give weights or accuracies"),
        ({"weights": {"a": 1}, "accuracies": {"a": 0.5}}, "give either"),
        ({"weights": {"a": -1}}, "greater than or equal to 0"),
        ({"accuracies": {"a": 1}}, "less than 1"),
        ({"weights": {"a": float("nan")}}, "finite"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        WeightedOptions.model_validate(options)


def test_it_waits_for_what_the_heaviest_could_still_change() -> None:
    strategy = weighted(weights={"a": 3, "b": 1})
    assert not strategy.decided(candidates("x"), 1)
    assert strategy.decided([Candidate("a#1", "x", model="a"), Candidate("a#2", "x", model="a")], 1)
    assert weighted(accuracies={"a": 0.9}).decided(candidates("x"), 0)


@settings(max_examples=200, deadline=None)
@given(
    present=st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from("xy")), min_size=1, max_size=5),
    outstanding=st.integers(0, 2),
    accuracies=st.dictionaries(st.sampled_from("pqr"), st.sampled_from([0.2, 0.5, 0.7, 0.9]), min_size=1),
    order=st.permutations("01234567"),
)
def test_once_decided_nothing_that_may_come_changes_the_answer(
    present: list[tuple[str, str]], outstanding: int, accuracies: dict[str, float], order: list[str]
) -> None:
    strategy = weighted(accuracies=accuracies)
    pool = [Candidate(str(place), text, model=model) for place, (model, text) in enumerate(present)]
    if not strategy.decided(pool, outstanding):
        return
    answer = strategy.fuse(Panel(pool, order)).text
    for to_come in product([None, *product("pqr", "xyz")], repeat=outstanding):
        late = [Candidate(str(5 + n), one[1], model=one[0]) for n, one in enumerate(to_come) if one]
        assert strategy.fuse(Panel([*pool, *late], order)).text == answer


def test_the_weight_is_the_logarithm_of_the_odds() -> None:
    fused = weighted(accuracies={"a": 0.9, "b": 0.8}).fuse(panel("x", "y"))
    assert fused.agreement == pytest.approx(log(9) / (log(9) + log(4)))
