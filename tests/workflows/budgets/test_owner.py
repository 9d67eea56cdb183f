from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.workflows.budgets.owner import decide
from app.workflows.budgets.state import LATE, SLACK, BudgetState
from topics.budgets import BudgetEvent, Terms
from topics.step_results import StepResult

NOW = 1_700_000_000.0
PERIOD = 100.0
SMALL = 1e-6
CHEAP: dict[str, Any] = {"when_exceeded": "degrade", "degrade_to": ["small", "tiny"]}
WAIT: dict[str, Any] = {"when_exceeded": "queue"}
PATIENT: dict[str, Any] = {"when_exceeded": "queue", "until": NOW + 1000}


def _terms(**fields: Any) -> Terms:
    return Terms.model_validate({"limit": 1.0, "period": PERIOD, "reserve": 0.4, **fields})


def _event(
    task: str,
    action: Literal["reserve", "settle", "charge"] = "reserve",
    *,
    cost: float = 0.0,
    priority: int = 0,
    turn: int = 0,
    until: float = NOW + 50,
    **terms: Any,
) -> BudgetEvent:
    return BudgetEvent(
        id=f"{task}/budget:acme",
        action=action,
        budget="acme",
        task_id=task,
        workflow="w",
        terms=_terms(**terms) if action == "reserve" else None,
        cost=cost,
        priority=priority,
        turn=turn,
        expires_at=datetime.fromtimestamp(until, UTC),
    )


@dataclass
class Owner:
    """The owner of one budget, and all that it has answered."""

    state: BudgetState | None = None
    now: float = NOW
    answers: list[StepResult] = field(default_factory=list)

    def give(self, *events: BudgetEvent | None) -> list[StepResult]:
        """Return what is answered to these events."""
        begin = len(self.answers)
        for event in events:
            self.state, answers = decide(self.state, event, self.now)
            self.answers += answers
        return self.answers[begin:]

    @property
    def budget_state(self) -> BudgetState:
        assert self.state
        return self.state


def test_that_runs_are_granted_as_far_as_the_money_goes() -> None:
    owner = Owner()
    first, second, third = owner.give(_event("a"), _event("b"), _event("c"))
    assert (first.id, first.task_id, first.error, first.degraded) == ("a/budget:acme", "a", None, False)
    assert second.error is None
    assert third.error
    assert third.error.code == "budget_exceeded"
    assert third.error.message == (
        "the budget acme has not enough left for another run: the run asks for 0.4 USD (the budget's `reserve`), "
        "and 0.2 are left; of 1 USD, 0 are spent and 0.8 reserved for active runs; it renews at 2023-11-14T22:15:00Z"
    )
    assert owner.budget_state.total_reserved == 0.8


def test_that_what_is_settled_back_can_be_spent() -> None:
    owner = Owner()
    owner.give(_event("a"), _event("b"), _event("b", "settle"))
    (granted,) = owner.give(_event("c"))
    assert granted.error is None
    owner.give(_event("a", "settle", cost=0.2))
    assert owner.budget_state.spent == 0.2


def test_that_a_cost_counts_above_the_limit_too() -> None:
    owner = Owner()
    owner.give(_event("a"), _event("a", "settle", cost=3.0))
    assert owner.budget_state.spent == 3.0
    (refused,) = owner.give(_event("b"))
    assert refused.error
    assert "the run asks for 1 USD (what runs of its workflow cost), and 0 are left; of 1 USD" in refused.error.message


def test_that_a_new_period_begins_with_nothing_spent_but_with_the_runs_under_way() -> None:
    owner = Owner()
    owner.give(_event("a", until=NOW + 500), _event("b"), _event("b", "settle", cost=0.6))
    owner.now += PERIOD
    owner.give(None)
    assert (owner.budget_state.spent, owner.budget_state.total_reserved) == (0.0, 0.4)
    owner.give(_event("a", "settle", cost=0.3))
    assert owner.budget_state.spent == 0.3


def test_that_a_degraded_run_may_use_only_some_models_and_its_cost_counts() -> None:
    owner = Owner()
    *_, third = owner.give(*(_event(task, **CHEAP) for task in "abc"))
    assert (third.error, third.degraded, third.output) == (None, True, ["small", "tiny"])
    assert owner.budget_state.total_reserved == 0.8
    assert owner.give(_event("c", **CHEAP)) == [third], "asked twice, answered twice"
    owner.give(_event("c", "settle", cost=0.01))
    assert owner.budget_state.spent == 0.01
    assert owner.budget_state.estimate("w") == 0.4, "what is cheap for want of money tells nothing"


def test_that_those_that_wait_are_served_by_priority_then_by_arrival() -> None:
    owner = Owner()
    owner.give(_event("a", **WAIT), _event("b", **WAIT))
    assert owner.give(_event("c", **WAIT), _event("d", **WAIT), _event("e", priority=1, **WAIT)) == []
    assert owner.give(_event("c", **WAIT)) == [], "it waits already"
    served = [*owner.give(_event("a", "settle")), *owner.give(_event("b", "settle"))]
    assert [one.task_id for one in served] == ["e", "c"]
    owner.give(_event("d", "settle"))
    assert owner.budget_state.queue == ()


def test_that_those_that_wait_are_served_when_the_budget_renews_or_a_reservation_ends() -> None:
    owner = Owner()
    owner.give(_event("a", **PATIENT), _event("a", "settle", cost=1.0), _event("b", **PATIENT))
    assert owner.budget_state.wake_at == owner.budget_state.ends_at
    owner.now = owner.budget_state.ends_at
    assert [one.task_id for one in owner.give(None)] == ["b"]
    lost = Owner()
    lost.give(_event("a", when_exceeded="queue"), _event("b", when_exceeded="queue"), _event("c", **PATIENT))
    lost.now = NOW + 50 + SLACK
    assert [one.task_id for one in lost.give(None)] == ["c"]


def test_that_a_wait_ends_with_the_run() -> None:
    owner = Owner()
    owner.give(*(_event(task, when_exceeded="queue", until=NOW + 20) for task in "abc"))
    owner.now += 20
    assert owner.give(None) == []
    assert owner.budget_state.queue == ()


def test_that_the_cost_of_a_run_that_was_late_still_counts_once() -> None:
    owner = Owner()
    owner.give(_event("a"))
    owner.now += 50 + SLACK
    owner.give(None)
    assert owner.budget_state.total_reserved == 0.0
    owner.give(_event("a", "settle", cost=0.3), _event("a", "settle", cost=0.3))
    assert owner.budget_state.spent == 0.3
    forgotten = Owner()
    forgotten.give(_event("a"))
    forgotten.now += 50 + SLACK + LATE
    forgotten.give(None, _event("a", "settle", cost=0.3))
    assert (forgotten.budget_state.spent, forgotten.budget_state.reserved) == (0.0, {})


def test_that_a_run_that_a_crash_repeats_is_not_paid_twice() -> None:
    owner = Owner()
    owner.give(_event("a"), _event("a", "settle", cost=0.3))
    (again,) = owner.give(_event("a"))
    assert again.error is None
    owner.give(_event("a", "settle", cost=0.3))
    assert (owner.budget_state.spent, owner.budget_state.reserved) == (0.3, {})


def test_that_a_task_that_is_sent_again_is_paid_again() -> None:
    owner = Owner()
    owner.give(_event("a"), _event("a", "settle", cost=0.3), _event("a", turn=7))
    assert list(owner.budget_state.reserved) == ["a"]
    owner.give(_event("a", "settle", cost=0.2, turn=7), _event("a", "charge", cost=0.1, turn=7))
    owner.give(_event("a", "charge", cost=0.1))
    assert owner.budget_state.spent == pytest.approx(0.7)


def test_that_what_came_late_is_charged_once() -> None:
    owner = Owner()
    late = _event("a", "charge", cost=0.2)
    owner.give(_event("a"), _event("a", "settle", cost=0.3), late, late)
    assert owner.budget_state.spent == pytest.approx(0.5)
    assert decide(None, late, NOW) == (None, [])


def test_that_it_remembers_only_so_many() -> None:
    owner = Owner()
    for number in range(1100):
        owner.give(_event(f"t{number}"), _event(f"t{number}", "settle"))
    assert len(owner.budget_state.settled) == 1000


def test_that_those_that_wait_come_before_a_run_that_comes_under_new_terms() -> None:
    owner = Owner()
    owner.give(*(_event(task, **WAIT) for task in "abc"))
    served = owner.give(_event("d", limit=10.0), _event("e", limit=10.0))
    assert [(one.task_id, one.error) for one in served] == [("c", None), ("d", None), ("e", None)]


def test_that_an_end_that_is_repeated_does_not_settle_the_task_that_was_sent_again() -> None:
    owner = Owner()
    first = _event("a", "settle", cost=0.3)
    owner.give(_event("a"), first, _event("a", turn=7), first)
    assert (owner.budget_state.spent, list(owner.budget_state.reserved)) == (0.3, ["a"])
    owner.give(_event("a", "settle", cost=0.2, turn=7))
    assert owner.budget_state.spent == 0.5


def test_that_many_that_wait_are_served_at_once_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as many steps as there are runs: with as many for each, all others would wait for seconds."""
    owner = Owner()
    many = [f"t{number}" for number in range(500)]
    terms = {**PATIENT, "limit": 100.0}
    owner.give(_event("a", **terms), _event("a", "settle", cost=1.0), _event("a", "charge", cost=99.0))
    owner.give(*(_event(task, **terms) for task in many))
    assert len(owner.budget_state.queue) == 500
    sums: list[BudgetState] = []

    def counted(budget_state: BudgetState) -> float:
        sums.append(budget_state)
        return sum(one.amount for one in budget_state.reserved.values())

    monkeypatch.setattr(BudgetState, "total_reserved", property(counted))
    owner.now = owner.budget_state.ends_at
    fit = int(100.0 / owner.budget_state.estimate("w") + SMALL)
    assert [one.task_id for one in owner.give(None)] == many[:fit]
    assert [place.task_id for place in owner.budget_state.queue] == many[fit:]
    assert len(sums) < 5


@pytest.mark.parametrize("event", [None, _event("a", "settle", cost=1.0)])
def test_that_what_nobody_reserved_opens_no_account(event: BudgetEvent | None) -> None:
    assert decide(None, event, NOW) == (None, [])


# --- properties -------------------------------------------------------------------------------------------

TASKS = [f"t{number}" for number in range(8)]
HAPPENINGS = st.tuples(
    st.sampled_from(TASKS),
    st.sampled_from(["reserve", "reserve", "settle", "settle", "again", "time"]),
    st.sampled_from([0.0, 0.05, 0.3, 0.9, 2.0]),
    st.integers(0, 2),
)


@dataclass
class BudgetSimulation:
    """An owner to which random things happen, and what must be true of it."""

    when_exceeded: str
    owner: Owner = field(default_factory=Owner)
    past: list[BudgetEvent] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    spent: float = 0.0
    excess: float = 0.0

    def happen(self, task: str, action: str, cost: float, number: int) -> None:
        match action:
            case "time":
                self._pass([1.0, 30.0, PERIOD + 60.0][number])
            case "again" if self.past:
                self._give(self.past[number % len(self.past)])
            case "settle":
                self._give(_event(task, "settle", cost=cost))
            case _:
                cheap: dict[str, Any] = {**CHEAP, "when_exceeded": self.when_exceeded}
                self._give(_event(task, priority=number, until=self.owner.now + 40, **cheap))

    def _pass(self, seconds: float) -> None:
        before = self.owner.state
        self.owner.now += seconds
        self.owner.give(None)
        if before and self.owner.budget_state.number > before.number:
            self.spent = 0.0
        self._check(before)

    def _give(self, event: BudgetEvent) -> None:
        self.past.append(event)
        before = self.owner.state
        known = before.at(self.owner.now).reserved.get(event.task_id) if before else None
        self.owner.give(event)
        if event.action == "settle" and known:
            assert event.task_id not in self.settled, "paid twice"
            self.settled.add(event.task_id)
            self.spent += event.cost
            self.excess += max(0.0, event.cost - known.amount)
        self._check(before)

    def _check(self, before: BudgetState | None) -> None:
        if self.owner.state is None:
            return
        budget_state = self.owner.budget_state
        held = before.reserved if before else {}
        granted = {
            task: one.amount for task, one in budget_state.reserved.items() if task not in held and not one.degraded
        }
        if granted:
            assert budget_state.spent + budget_state.total_reserved <= budget_state.terms.limit + SMALL, (
                "more was given than there is"
            )
            assert min(granted.values()) > 0
        assert abs(budget_state.spent - self.spent) < SMALL, "what is spent is what was settled, each run once"
        assert budget_state.spent + budget_state.total_reserved <= budget_state.terms.limit + self.excess + SMALL, (
            "the overrun is bounded"
        )
        waiting = [place.task_id for place in budget_state.queue]
        assert len(set(waiting)) == len(waiting)
        assert not budget_state.reserved.keys() & set(waiting)
        assert not budget_state.reserved.keys() & self.settled, "what was settled keeps nothing back"
        assert not (budget_state.queue and budget_state.has_room(budget_state.queue[0].workflow)), (
            "nobody waits without need"
        )
        assert budget_state.wake_at >= self.owner.now


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["refuse", "degrade", "queue"]), st.lists(HAPPENINGS, max_size=60))
def test_that_no_more_is_given_than_there_is_and_each_run_is_paid_once(
    when_exceeded: str, happenings: list[tuple[str, str, float, int]]
) -> None:
    engine = BudgetSimulation(when_exceeded)
    for happening in happenings:
        engine.happen(*happening)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from([0.5, 1.0, 5.0]),
            st.sampled_from([50.0, PERIOD]),
            st.sampled_from(["refuse", "degrade", "queue", "queue"]),
            st.sampled_from([None, 0.0, 1.0, 30.0]),
        ),
        max_size=40,
    )
)
def test_that_terms_may_change_while_runs_wait(steps: list[tuple[int, float, float, str, float | None]]) -> None:
    """As while two workers have different configurations: each run is answered once, or waits, for want of money."""
    owner = Owner()
    for number, (ends, limit, period, when_exceeded, passes) in enumerate(steps):
        owner.now += passes or 0.0
        before = owner.state.at(owner.now) if owner.state else None
        terms: dict[str, Any] = {**CHEAP, "when_exceeded": when_exceeded, "limit": limit, "period": period}
        event = _event(f"t{number}", until=owner.now + 80, **terms)
        waited = [place.task_id for place in before.queue] if before else []
        answers = owner.give(event)
        budget_state = owner.budget_state
        assert budget_state.terms.limit == limit
        told = [one.task_id for one in answers]
        waiting = [place.task_id for place in budget_state.queue]
        assert sorted([*told, *waiting]) == sorted([event.task_id, *waited])
        if told and (answers[-1].error or answers[-1].degraded):
            assert budget_state.queue or not budget_state.has_room("w"), "there was money"
        if any(not (one.error or one.degraded) for one in answers):
            assert budget_state.spent + budget_state.total_reserved <= limit + SMALL
        assert not (budget_state.queue and budget_state.has_room("w")), "nobody waits without need"
        assert budget_state.wake_at > owner.now
        if passes is None:
            owner.give(_event(f"t{number - ends}", "settle", cost=0.2))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TASKS), st.booleans()), max_size=30), st.data())
def test_that_what_is_delivered_again_changes_nothing(steps: list[tuple[str, bool]], data: st.DataObject) -> None:
    """As after a crash: the end of what was delivered comes a second time, in its order, to what was saved."""
    wanted = [_event(task, "settle", cost=0.1) if ends else _event(task, limit=100.0) for task, ends in steps]
    events = list({event.id + event.action: event for event in wanted}.values())  # each run asks, and ends, once
    owner = Owner()
    owner.give(*events)
    before = owner.state
    owner.give(*events[data.draw(st.integers(0, len(events))) :])
    unsettled = {event.task_id for event in events if event.action == "reserve"}
    assert before is None or {*owner.budget_state.reserved} <= unsettled
    if before and all(_in_order(events, task) for task in TASKS):
        assert owner.state == before


def _in_order(events: list[BudgetEvent], task: str) -> bool:
    """Whether a run asks before it ends, as it does on a topic that keeps the order of a key."""
    actions = [event.action for event in events if event.task_id == task]
    return actions in ([], ["reserve"], ["reserve", "settle"])
