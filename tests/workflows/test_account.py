from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workflows.account import LATE, Account, Place, Reservation, mark
from topics.budgets import Terms

TERMS = Terms(limit=1.0, period=100.0, reserve=0.1)
NOW = 1_000.0


def _account(**fields: Any) -> Account:
    return replace(Account("acme", TERMS).at(NOW), **fields)


def _place(task_id: str, until: float) -> Place:
    return Place((0, 0), task_id, f"{task_id}/budget:acme", "w", until)


def test_that_periods_are_counted_from_the_epoch_on() -> None:
    account = _account(spent=0.5)
    assert account.ends_at == 1_100
    assert account.at(1_099.9) is account
    assert (account.at(1_100).spent, account.at(1_100).ends_at) == (0.0, 1_200)


def test_that_a_clock_that_is_behind_does_not_bring_a_period_back() -> None:
    account = _account(spent=0.5)
    assert account.at(NOW - 200) is account


def test_that_what_is_spent_stays_spent_under_other_terms() -> None:
    account = _account(spent=0.5)
    assert account.under(TERMS, NOW) is account
    dearer = account.under(TERMS.model_copy(update={"limit": 2.0}), NOW)
    assert (dearer.spent, dearer.terms.limit, dearer.ends_at) == (0.5, 2.0, 1_100)
    for period in (10.0, 3_000.0):
        other = account.under(TERMS.model_copy(update={"period": period}), NOW).at(NOW)
        assert (other.spent, other.ends_at) == (0.5, (NOW // period + 1) * period)


def test_that_before_anything_is_known_the_reserve_is_kept_back() -> None:
    assert _account().estimate("w") == 0.1
    assert _account(terms=Terms(limit=0.05, period=1, reserve=0.1)).estimate("w") == 0.05


def test_that_the_estimate_follows_what_runs_of_the_workflow_cost() -> None:
    account = _account().learned("w", 0.02)
    assert account.costs["w"] == pytest.approx((0.02, 0.01))
    for _ in range(60):
        account = account.learned("w", 0.02)
    assert abs(account.estimate("w") - 0.02) < 1e-6
    assert account.estimate("other") == 0.1
    assert account.learned("w", 0.0) is account
    assert account.learned("w", 5.0).estimate("w") == 1.0, "no run waits for more than there can be"


def test_that_only_so_many_workflows_are_remembered() -> None:
    account = _account()
    for number in range(150):
        account = account.learned(f"w{number}", 0.02)
    assert len(account.costs) == 100
    assert "w149" in account.costs


@given(st.lists(st.floats(0.01, 0.5), min_size=40, max_size=80))
def test_that_the_estimate_lies_between_what_was_paid_and_a_little_more(costs: list[float]) -> None:
    account = _account()
    for cost in costs:
        account = account.learned("w", cost)
    assert min(costs) - 1e-9 <= account.estimate("w") <= max(costs) + 2 * (max(costs) - min(costs)) + 0.01


def test_that_what_expires_does_not_count_but_may_still_be_settled_for_a_day() -> None:
    account = _account(reserved={"a": Reservation("w", 0.1, NOW + 10)}, queue=(_place("b", NOW + 20),))
    assert (account.kept_back, account.wake_at) == (0.1, NOW + 10)
    late = account.at(NOW + 10)
    assert (late.kept_back, list(late.reserved), late.wake_at) == (0.0, ["a"], NOW + 20)
    assert late.at(NOW + 20).queue == ()
    assert late.at(NOW + 10 + LATE).reserved == {}


@given(st.floats(0, 1e6), st.sampled_from([1.0, 7.5, 3600.0]), st.lists(st.floats(0, 1e5), max_size=4))
def test_that_its_next_time_is_yet_to_come(now: float, period: float, expiries: list[float]) -> None:
    reserved = {str(place): Reservation("w", 0.1, at) for place, at in enumerate(expiries)}
    account = replace(Account("acme", Terms(limit=1, period=period)), reserved=reserved).at(now)
    assert account.wake_at >= now
    assert account.at(now) == account


def test_that_it_is_idle_when_for_a_period_nothing_happened() -> None:
    assert not _account().is_idle(NOW)
    assert _account().is_idle(NOW + 100)
    assert not _account(spent=0.1).is_idle(NOW + 100)
    assert not _account(queue=(_place("b", NOW + 500),)).is_idle(NOW + 100)
    assert not _account(reserved={"a": Reservation("w", 0.1, NOW + 10)}).is_idle(NOW + 100)


def test_that_marks_tell_runs_apart() -> None:
    assert len({mark(f"t{number}", turn) for number in range(500) for turn in (0, 1)}) == 1000
