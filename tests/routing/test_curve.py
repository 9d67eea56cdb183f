from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing import curve
from app.routing.curve import Outcomes, Point
from tests.routing.asks import near

NUMBERS = st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=60)


def _outcomes(rows: list[tuple[float, float, float]]) -> Outcomes:
    scores, weak, strong = map(np.array, zip(*rows, strict=True))
    return Outcomes(scores, weak, strong, np.full(len(rows), 1.0), np.full(len(rows), 10.0))


#: The weak model fails at what has the higher score: a router that knows.
KNOWING = _outcomes([(number / 100, float(number < 60), 1.0) for number in range(100)])


def test_a_threshold_sends_what_reaches_it_to_the_strong_model() -> None:
    assert KNOWING.at(0.75) == Point(0.75, 0.25, near(0.85), near(3.25), near(0.625))
    assert KNOWING.at(0.6) == Point(0.6, 0.4, 1.0, near(4.6), near(1.0))


@given(NUMBERS)
def test_the_curve_goes_from_all_strong_to_all_weak(rows: list[tuple[float, float, float]]) -> None:
    outcomes = _outcomes(rows)
    points = curve.draw(outcomes)
    shares = [point.strong_share for point in points]
    assert shares == sorted(set(shares), reverse=True)
    assert shares[0] == 1.0
    assert points[0].quality == pytest.approx(outcomes.strong.mean())
    assert points[-1].threshold == 1.0


def test_the_area_is_1_less_the_triangle_for_one_who_knows_and_half_for_chance() -> None:
    # All of the gap is closed with 40 % of the questions: a triangle of 0.2 is missing.
    assert curve.area(curve.draw(KNOWING)) == pytest.approx(0.8, abs=0.01)
    lots = np.random.default_rng(3).random(4000)
    chance = _outcomes([(float(lot), float(place % 2), 1.0) for place, lot in enumerate(lots)])
    assert curve.area(curve.draw(chance)) == pytest.approx(0.5, abs=0.05)


def test_there_is_no_area_where_the_strong_model_is_not_better() -> None:
    assert curve.area(curve.draw(_outcomes([(0.2, 1.0, 0.0), (0.8, 1.0, 1.0)]))) is None


@pytest.mark.parametrize(("quality", "share"), [(1.0, 0.4), (0.9, 0.3), (0.6, 0.0), (0.0, 0.0)])
def test_the_fewest_strong_questions_that_keep_the_quality_are_chosen(quality: float, share: float) -> None:
    chosen = curve.choose(curve.draw(KNOWING), quality)
    assert chosen.strong_share == pytest.approx(share, abs=0.011)
    assert chosen.quality >= quality - 0.001


def test_a_lucky_point_behind_one_that_does_not_do_is_not_chosen() -> None:
    shares = ((1.0, 1.0), (0.5, 0.96), (0.3, 0.90), (0.2, 0.97))
    points = [Point(1 - share, share, quality, 0.0, None) for share, quality in shares]
    assert curve.choose(points, 0.95).strong_share == 0.5
