from __future__ import annotations

import numpy as np
import pytest

from bench.quality.intervals import Estimate, estimate, gain


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    lots = np.random.default_rng(1)
    intervals = [estimate((lots.random(200) < 0.3).astype(float), seed) for seed in range(200)]

    covered = sum(found.low <= 0.3 <= found.high for found in intervals)
    assert 180 <= covered <= 199


def test_a_constant_has_no_spread() -> None:
    assert estimate([2.0, 2.0, 2.0]) == Estimate(2.0, 2.0, 2.0)


def test_more_questions_make_it_narrower() -> None:
    few, many = (estimate([0.0, 1.0] * n) for n in (50, 5000))

    assert (many.high - many.low) * 5 < few.high - few.low


def test_what_is_paired_is_compared_pair_by_pair() -> None:
    base = np.random.default_rng(1).random(100)

    assert gain(base + 0.01, base).low == pytest.approx(0.01)


def test_it_reads_as_percent() -> None:
    assert str(Estimate(0.7123, 0.691, 0.7331)) == "71.2 [69.1, 73.3]"
