from __future__ import annotations

import numpy as np
import pytest

from bench.quality.fusing import Trial
from bench.quality.fusion_settings import DIVERSE
from bench.quality.intervals import gain
from bench.quality.position_bias import compare_positions, positions
from bench.quality.simulation.exam import Exam

N = 400


@pytest.fixture(scope="module")
def trials() -> dict[str, Trial]:
    return dict(compare_positions(DIVERSE.draw(N, np.random.default_rng(2)), Exam(2)))


def test_asked_in_both_orders_it_does_not_matter_which_place_a_judge_prefers(trials: dict[str, Trial]) -> None:
    first, last = trials["prefers the first"], trials["prefers the last"]

    assert (first.right == last.right).all()


def test_a_judge_that_prefers_a_place_then_loses_nothing(trials: dict[str, Trial]) -> None:
    assert gain(trials["prefers the first"].right, trials["no bias"].right).high >= 0


def test_asked_in_one_order_only_it_does_lose(trials: dict[str, Trial]) -> None:
    once = trials["prefers the first, one order only"].right

    assert gain(once, trials["no bias"].right).high < 0
    assert gain(trials["prefers the first"].right, once).low > 0.05


def test_they_are_shown_against_the_best_model() -> None:
    assert list(positions(20, 1).trials) == list(compare_positions(DIVERSE.draw(20, np.random.default_rng(1)), Exam(1)))
