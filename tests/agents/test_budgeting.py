"""Runs under budgets, as the deciders move them: through crashes and redeliveries, each is paid for once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.delivery.envelope import Outgoing
from app.partitioner import partition_of
from app.settings import Settings
from app.workflows.budgets.state import BudgetState
from app.workflows.definition.spec import Concurrency, Workflow
from app.workflows.records import Assembler
from app.workflows.run import RunState
from tests.agents.deps import PARTITIONS, Measured, received
from tests.agents.engine_contexts import runs
from tests.agents.household import Household
from topics import BUDGETS, STEP_RESULTS, TASKS
from topics.step_results import StepResult
from topics.tasks import Task

NOW = 1_700_000_000.0
COST = 0.25
TENANTS = {"a": "acme", "b": "acme", "c": "bolt", "d": "acme"}
ONE = {"kind": "ask", "models": ["m"], "prompt": "why?"}
SPEC = Workflow.model_validate(
    {
        "id": "root",
        "deadline": 90,
        "steps": {
            "first": ONE,
            "sub": {"kind": "workflow", "workflow": "child", "after": ["first"]},
            "last": {**ONE, "after": ["sub"]},
        },
    }
)
IN_LINE = SPEC.model_copy(update={"concurrency": Concurrency(limit=2, key="'k'")})
CHILD = Workflow.model_validate({"id": "child", "deadline": 60, "steps": {"say": ONE}})


@dataclass
class Books(Household):
    """A household that notes, for each budget, the most that was ever spent of it, and what was owed in between."""

    spent: dict[str, float] = field(default_factory=dict)

    def check(self, state: RunState) -> None:
        super().check(state)
        if isinstance(state, BudgetState):
            assert state.spent >= 0
            assert not state.reserved.keys() & {place.task_id for place in state.queue}
            self.spent[state.budget] = state.spent


def _books(*budgets: dict[str, Any], spec: Workflow = SPEC) -> Books:
    models = {name: {"provider": "scripted"} for name in ("local", "m")}
    return Books(runs(Settings.model_validate({"budgets": budgets, "models": models}), Measured(), spec, CHILD))


def _send(house: Household, task_id: str, tenant: str) -> None:
    task = Task(id=task_id, workflow="root", tenant=tenant, input={})
    house.send(Outgoing(TASKS, task_id, task, task_id, partition_of(task_id, PARTITIONS)))


def _happen(house: Books, data: st.DataObject, *, saves: bool) -> None:
    places, asked, keys = house.places(), sorted(house.asked), sorted(house.states)
    match data.draw(st.sampled_from(["deliver"] * 8 + ["answer"] * 3 + ["write", "write", "crash", "time"])):
        case "deliver" if places:
            house.deliver(data.draw(st.sampled_from(places)))
        case "answer" if asked:
            house.answer(data.draw(st.sampled_from(asked)), cost=COST)
        case "write" if keys and saves:
            house.write(data.draw(st.sampled_from(keys)))
        case "crash" if keys:
            house.crash(data.draw(st.sampled_from(keys)), torn=data.draw(st.integers(0, 3)))
        case "time":
            house.pass_time(data.draw(st.sampled_from([0.1, 1.0])))


def _finish(house: Books) -> None:
    """Deliver and answer everything, before any time passes."""
    for _ in range(2_000):
        if places := house.places():
            house.deliver(places[0])
        elif house.asked:
            house.answer(min(house.asked), cost=COST)
        else:
            return
    raise AssertionError("it never ends")


@settings(max_examples=150, deadline=None)
@given(
    st.data(),
    st.integers(0, 120),
    st.sampled_from(["refuse", "degrade", "queue"]),
    st.sampled_from([0.9, 2.0, 100.0]),
    st.sampled_from([SPEC, IN_LINE]),
)
def test_that_every_call_is_paid_for_once_through_crashes(
    data: st.DataObject, events: int, when_exceeded: str, limit: float, spec: Workflow
) -> None:
    terms = {"period": 1e9, "when_exceeded": when_exceeded, "degrade_to": ["m"], "limit": limit, "reserve": 0.8}
    house = _books({"name": "all", **terms}, {"name": "each", "tenant": "*", **terms}, spec=spec)
    for task_id, tenant in TENANTS.items():
        _send(house, task_id, tenant)
    saves = data.draw(st.booleans())
    for _ in range(events):
        _happen(house, data, saves=saves)
    _finish(house)
    results = {result.task_id: result for result in house.results}
    outcomes = {(result.task_id, result.status, result.degraded, result.usage.cost) for result in house.results}
    assert len(outcomes) == len(results), "what is repeated is the same"
    accounts = [state for state in house.states.values() if isinstance(state, BudgetState)]
    if when_exceeded != "queue":  # who waits, waits on
        assert results.keys() >= TENANTS.keys()
        assert not [account for account in accounts if account.reserved or account.queue]
    paid = COST * len(house.answered)
    assert house.spent["all"] == sum(result.usage.cost for task, result in results.items() if task in TENANTS)
    assert house.spent["all"] == paid
    assert sum(spent for budget, spent in house.spent.items() if budget != "all") == paid
    if limit == 100.0:
        assert {result.status for result in results.values()} == {"succeeded"}
    house.finish()
    assert {result.task_id for result in house.results} >= TENANTS.keys()
    assert house.states == {}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("victims", [["a"], ["budget\t/all"], ["a", "budget\t/all"], ["budget\t/all", "a"]])
def test_that_a_run_that_ended_before_anything_of_it_was_saved_is_paid_for_once(
    victims: list[str], *, written: bool
) -> None:
    house = _books({"name": "all", "limit": 100.0, "period": 1e9})
    for task_id in TENANTS:
        _send(house, task_id, "acme")
    _finish(house)
    if written:
        house.write("budget\t/all")
    for victim in victims:
        house.crash(victim)
        _finish(house)
    assert [result.task_id for result in house.results].count("a") == 1 + victims.count("a")
    assert house.spent["all"] == COST * len(house.answered) == COST * 3 * len(TENANTS)
    (account,) = (state for state in house.states.values() if isinstance(state, BudgetState))
    assert account.reserved == {}


def test_that_a_budget_is_asked_under_its_key_and_answers_the_run() -> None:
    machine = _books({"name": "b", "tenant": "*", "limit": 1.0}).machine
    home = partition_of("t", PARTITIONS)
    task = Task(id="t", workflow="child", tenant="a c", input={})
    begun = machine.decide(None, received(task, partition=home), NOW)
    (asked,) = begun.outgoing
    place = partition_of("b:a%20c", PARTITIONS)
    assert (asked.topic, asked.key, asked.id) == (BUDGETS, "b:a%20c", "t/budget:b:a%20c/reserve")
    assert asked.partition == place
    event = received(asked.event, partition=place)
    assert machine.key(event) == "budget\t/b:a%20c"
    account = machine.decide(None, event, NOW)
    assert isinstance(account.value, BudgetState)
    (granted,) = account.outgoing
    assert (granted.topic, granted.key, granted.partition) == (STEP_RESULTS, "t", home)
    assert granted.id == "t/budget:b:a%20c/result"
    assert isinstance(granted.event, StepResult)


def test_that_no_step_of_a_task_takes_the_place_of_an_account() -> None:
    house = _books({"name": "first", "limit": 100.0, "period": 1e9})
    _send(house, "budget", "acme")
    while places := house.places():
        house.deliver(places[0])
    log = Assembler()
    for state_key, state in house.states.items():
        for key, value in house.machine.records(state_key, state, None):
            log.add(key, value)
    assert log.states() == house.states
    assert len(house.states) == 2


def test_that_an_account_that_nobody_uses_is_forgotten_after_a_period() -> None:
    house = _books({"name": "b", "limit": 1.0, "period": 10.0})
    _send(house, "a", "acme")
    _finish(house)
    (account,) = (state for state in house.states.values() if isinstance(state, BudgetState))
    first = house.machine.wake(account, account.ends_at - 0.1)
    assert (first.value, first.forget) == (None, False)
    second = house.machine.wake(account, account.ends_at)
    assert isinstance(second.value, BudgetState)
    assert (second.value.spent, second.forget) == (0.0, False)
    assert house.machine.wake(second.value, second.value.ends_at).forget
