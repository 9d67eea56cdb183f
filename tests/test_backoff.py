from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backoff import full_jitter

SECONDS = st.floats(min_value=0.001, max_value=1e6)


@given(st.integers(min_value=0, max_value=10**9), SECONDS, SECONDS, st.randoms(use_true_random=False))
def test_a_wait_lies_between_zero_and_both_bounds(attempt: int, base: float, cap: float, rng: random.Random) -> None:
    wait = full_jitter(attempt, base=base, cap=cap, rng=rng)

    assert 0 <= wait <= cap
    assert wait <= base * 2.0 ** min(attempt, 1000)


def test_the_same_seed_waits_the_same() -> None:
    seeded = [random.Random(7), random.Random(7)]  # noqa: S311  # repeatable on purpose

    waits = [[full_jitter(n, base=1, cap=60, rng=rng) for n in range(5)] for rng in seeded]

    assert waits[0] == waits[1]


@pytest.mark.parametrize(("attempt", "mean"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)])
def test_the_mean_doubles_until_the_cap(attempt: int, mean: float) -> None:
    rng = random.Random(1)  # noqa: S311  # repeatable on purpose

    waits = [full_jitter(attempt, base=1, cap=8, rng=rng) for _ in range(4000)]

    assert fmean(waits) == pytest.approx(mean, rel=0.05)
    assert min(waits) < mean / 10
    assert max(waits) > mean * 1.9
