from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.limits.base import Admission, QueuedAhead
from app.models.limits.concurrency import AdaptiveConcurrency
from app.models.outcome import Attempt
from tests.models.limits.samples import admission, answered, failed

NOBODY = QueuedAhead()
PATIENT = failed("rate_limited", retry_after=9.0)  # too many in a minute, not at once


def _fill(guard: AdaptiveConcurrency, now: float, at_most: int = 10_000) -> list[Admission]:
    tickets: list[Admission] = []
    while len(tickets) < at_most and not guard.wait(now, 10, NOBODY):
        tickets.append(admission(entered=now))
        guard.take(tickets[-1], now)
    return tickets


def _round(guard: AdaptiveConcurrency, attempt: Attempt, now: float) -> int:
    """Let in as many as may go, and end them all alike; return how many went."""
    tickets = _fill(guard, now)
    for one in tickets:
        guard.leave(one, attempt, now + 1)
    return len(tickets)


def test_so_many_may_be_under_way_and_no_more() -> None:
    guard = AdaptiveConcurrency(3)
    tickets = _fill(guard, 0.0)
    assert (len(tickets), guard.wait(0.0, 10, NOBODY)) == (3, math.inf)
    guard.leave(tickets[0], answered(), 1.0)
    assert guard.wait(1.0, 10, NOBODY) == 0.0


@pytest.mark.parametrize("code", ["overloaded", "rate_limited", "timeout"])
def test_too_much_lowers_the_bound_once_for_all_that_were_under_way(code: str) -> None:
    guard = AdaptiveConcurrency(100)
    _round(guard, failed(code), 0.0)
    assert guard.bound == 70


def test_it_falls_below_what_was_really_under_way() -> None:
    guard = AdaptiveConcurrency(2048)
    tickets = _fill(guard, 0.0, at_most=20)
    guard.leave(tickets[0], failed("overloaded"), 1.0)
    assert guard.bound == 14


@pytest.mark.parametrize(
    "attempt", [failed(code) for code in ("invalid_request", "unavailable")] + [failed("timeout", short=True), PATIENT]
)
def test_other_failures_do_not_move_it(attempt: Attempt) -> None:
    guard = AdaptiveConcurrency(10)
    _round(guard, attempt, 0.0)
    assert guard.bound == 10


def test_it_settles_near_what_the_model_can_take() -> None:
    guard, capacity = AdaptiveConcurrency(1000), 40
    bounds = []
    for second in range(200):
        tickets = _fill(guard, float(second))
        for number, one in enumerate(tickets):
            guard.leave(one, answered() if number < capacity else failed("overloaded"), second + 0.5)
        bounds.append(guard.bound)
    assert all(0.6 * capacity <= bound <= 1.2 * capacity for bound in bounds[50:])


def test_it_does_not_rise_while_it_is_not_used() -> None:
    guard = AdaptiveConcurrency(100)
    _round(guard, failed("overloaded"), 0.0)
    for second in range(1, 200):
        (one,) = _fill(guard, float(second), at_most=1)
        guard.leave(one, answered(), second + 0.5)
    assert guard.bound == 70


def test_answers_that_become_slow_for_their_length_lower_it_and_long_answers_do_not() -> None:
    guard = AdaptiveConcurrency(100)
    for second in range(40):
        _round(guard, answered(100, seconds=1.0), float(second))
    _round(guard, answered(1000, seconds=8.0), 50.0)
    assert guard.bound == 100
    _round(guard, answered(100, seconds=8.0), 60.0)
    assert guard.bound < 100


def test_a_model_that_is_slow_however_few_ask_it_is_asked_by_as_many_as_before() -> None:
    guard = AdaptiveConcurrency(100)
    for second in range(40):
        _round(guard, answered(100, seconds=1.0), float(second))
    bounds = [_round(guard, answered(100, seconds=30.0), float(second)) for second in range(100, 200, 2)]
    assert min(bounds[:4]) < 100
    assert bounds[4:] == [100] * 46


def test_a_model_that_gets_faster_with_fewer_is_asked_by_fewer() -> None:
    guard = AdaptiveConcurrency(100)
    for second in range(40):
        for one in _fill(guard, float(second), at_most=10):
            guard.leave(one, answered(100, seconds=1.0), second + 0.5)
    bounds = []
    for second in range(100, 120, 2):  # ten at once take it a second, and what is beyond waits for its turn
        tickets = _fill(guard, float(second))
        for one in tickets:
            guard.leave(one, answered(100, seconds=max(1.0, len(tickets) / 10)), second + 1.0)
        bounds.append(guard.bound)
    assert 10 <= min(bounds) <= 25


@given(st.lists(st.sampled_from(["overloaded", "timeout", "unavailable", "ok", "slow", "none"]), max_size=200))
def test_whatever_happens_the_bound_stays_between_one_and_the_most(ends: list[str]) -> None:
    guard = AdaptiveConcurrency(20)
    for now, end in enumerate(ends):
        tickets = _fill(guard, float(now), at_most=5)
        assert tickets
        kinds = {"ok": answered(1), "slow": answered(1, seconds=99.0), "none": None}
        for one in tickets:
            guard.leave(one, kinds[end] if end in kinds else failed(end), now + 0.5)
        assert 1 <= guard.bound <= 20
    assert len(_fill(guard, 1e6)) == guard.bound
