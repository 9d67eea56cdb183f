from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.limits.bucket import Bucket


def _spend(per_minute: float, wants: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Take each (pause, amount) as soon as the bucket lets it; return when each went."""
    bucket, now, went = Bucket(per_minute), 0.0, []
    for pause, amount in wants:
        now += pause
        bucket.refill(now, per_minute)
        now += bucket.wait(amount)
        bucket.refill(now, per_minute)
        assert bucket.wait(amount) == pytest.approx(0.0, abs=1e-6)
        bucket.take(amount)
        went.append((now, amount))
    return went


WANTS = st.lists(st.tuples(st.floats(0, 20), st.floats(1, 50)), max_size=40)


@given(per_minute=st.floats(1, 1000), wants=WANTS)
def test_in_any_minute_no_more_goes_than_the_limit_and_one_that_is_large(
    per_minute: float, wants: list[tuple[float, float]]
) -> None:
    went = _spend(per_minute, wants)
    for start, _ in went:
        inside = [amount for at, amount in went if start <= at < start + 59.999]
        assert sum(inside) <= per_minute + max(inside) + 1e-6


@given(per_minute=st.integers(1, 200), pauses=st.lists(st.floats(0, 30), max_size=60))
def test_of_requests_no_more_go_in_any_minute_than_the_limit(per_minute: int, pauses: list[float]) -> None:
    went = [at for at, _ in _spend(per_minute, [(pause, 1.0) for pause in pauses])]
    for start in went:
        assert sum(start <= at < start + 59.999 for at in went) <= per_minute


def test_the_whole_limit_is_used_in_the_long_run() -> None:
    went = _spend(60, [(0.0, 1.0)] * 600)
    assert went[-1][0] <= 600 / 60 * 60 * 12 / 11


def test_what_was_taken_can_be_put_right() -> None:
    bucket = Bucket(120)
    bucket.refill(0.0, 120)
    bucket.take(100)
    assert bucket.wait(1) > 0
    bucket.take(-100)
    assert (bucket.wait(10), bucket.level) == (0, 10)
    bucket.take(-100)
    assert bucket.level == bucket.capacity


def test_what_goes_before_is_waited_for_too() -> None:
    bucket = Bucket(120)
    bucket.refill(0.0, 120)
    assert bucket.wait(1, before=9) == 0
    assert bucket.wait(1, before=29) == pytest.approx(20 / (110 / 60))


def test_another_limit_counts_from_now_on() -> None:
    bucket = Bucket(1200)
    bucket.refill(0.0, 1200)
    bucket.refill(0.0, 12)
    assert bucket.level == bucket.capacity == 1
    bucket.take(1)
    bucket.refill(30.0, 12)
    assert bucket.level == 1


def test_it_holds_no_more_than_is_said() -> None:
    bucket = Bucket(120)
    bucket.refill(0.0, 120)
    bucket.cap(3)
    bucket.cap(30)
    assert bucket.level == 3
