from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workflows.budgets.state import LATE, BudgetState, QueuedReservation, Reservation, mark
from topics.budgets import Terms

TERMS = Terms(limit=1.0, period=100.0, reserve=0.1)
NOW = 1_000.0


def _account(**fields: Any) -> BudgetState:
    return replace(BudgetState("acme", TERMS).at(NOW), **fields)


def _place(task_id: str, until: float) -> QueuedReservation:
    return QueuedReservation((0, 0), task_id, f"{task_id}/budget:acme", "w", until)


def test_that_periods_are_counted_from_the_epoch_on() -> None:
    budget_state = _account(spent=0.5)
    assert budget_state.ends_at == 1_100
    assert budget_state.at(1_099.9) is budget_state
    assert (budget_state.at(1_100).spent, budget_state.at(1_100).ends_at) == (0.0, 1_200)


def test_that_a_clock_that_is_behind_does_not_bring_a_period_back() -> None:
    budget_state = _account(spent=0.5)
    assert budget_state.at(NOW - 200) is budget_state


def test_that_what_is_spent_stays_spent_under_other_terms() -> None:
    budget_state = _account(spent=0.5)
    assert budget_state.under(TERMS, NOW) is budget_state
    dearer = budget_state.under(TERMS.model_copy(update={"limit": 2.0}), NOW)
    assert (dearer.spent, dearer.terms.limit, dearer.ends_at) == (0.5, 2.0, 1_100)
    for period in (10.0, 3_000.0):
        other = budget_state.under(TERMS.model_copy(update={"period": period}), NOW).at(NOW)
        assert (other.spent, other.ends_at) == (0.5, (NOW // period + 1) * period)


def test_that_before_anything_is_known_the_reserve_is_total_reserved() -> None:
    assert _account().estimate("w") == 0.1
    assert _account(terms=Terms(limit=0.05, period=1, reserve=0.1)).estimate("w") == 0.05


def test_that_the_estimate_follows_what_runs_of_the_workflow_cost() -> None:
    budget_state = _account().learned("w", 0.02)
    assert budget_state.costs["w"] == pytest.approx((0.02, 0.01))
    for _ in range(60):
        budget_state = budget_state.learned("w", 0.02)
    assert abs(budget_state.estimate("w") - 0.02) < 1e-6
    assert budget_state.estimate("other") == 0.1
    assert budget_state.learned("w", 0.0) is budget_state
    assert budget_state.learned("w", 5.0).estimate("w") == 1.0, "no run waits for more than there can be"


def test_that_only_so_many_workflows_are_remembered() -> None:
    budget_state = _account()
    for number in range(150):
        budget_state = budget_state.learned(f"w{number}", 0.02)
    assert len(budget_state.costs) == 100
    assert "w149" in budget_state.costs


@given(st.lists(st.floats(0.01, 0.5), min_size=40, max_size=80))
def test_that_the_estimate_lies_between_what_was_paid_and_a_little_more(costs: list[float]) -> None:
    budget_state = _account()
    for cost in costs:
        budget_state = budget_state.learned("w", cost)
    assert min(costs) - 1e-9 <= budget_state.estimate("w") <= max(costs) + 2 * (max(costs) - min(costs)) + 0.01


def test_that_what_expires_does_not_count_but_may_still_be_settled_for_a_day() -> None:
    budget_state = _account(reserved={"a": Reservation("w", 0.1, NOW + 10)}, queue=(_place("b", NOW + 20),))
    assert (budget_state.total_reserved, budget_state.wake_at) == (0.1, NOW + 10)
    late = budget_state.at(NOW + 10)
    assert (late.total_reserved, list(late.reserved), late.wake_at) == (0.0, ["a"], NOW + 20)
    assert late.at(NOW + 20).queue == ()
    assert late.at(NOW + 10 + LATE).reserved == {}


@given(st.floats(0, 1e6), st.sampled_from([1.0, 7.5, 3600.0]), st.lists(st.floats(0, 1e5), max_size=4))
def test_that_its_next_time_is_yet_to_come(now: float, period: float, expiries: list[float]) -> None:
    reserved = {str(place): Reservation("w", 0.1, at) for place, at in enumerate(expiries)}
    budget_state = replace(BudgetState("acme", Terms(limit=1, period=period)), reserved=reserved).at(now)
    assert budget_state.wake_at >= now
    assert budget_state.at(now) == budget_state


def test_that_it_is_idle_when_for_a_period_nothing_happened() -> None:
    assert not _account().is_idle(NOW)
    assert _account().is_idle(NOW + 100)
    assert not _account(spent=0.1).is_idle(NOW + 100)
    assert not _account(queue=(_place("b", NOW + 500),)).is_idle(NOW + 100)
    assert not _account(reserved={"a": Reservation("w", 0.1, NOW + 10)}).is_idle(NOW + 100)


def test_that_marks_tell_runs_apart() -> None:
    assert len({mark(f"t{number}", turn) for number in range(500) for turn in (0, 1)}) == 1000
