"""Runs under budgets, as the stateful agents process them: through crashes and redeliveries, each is paid once."""

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
from tests.agents.simulated_cluster import SimulatedCluster
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
class BudgetedCluster(SimulatedCluster):
    """A cluster that records what was spent of each budget."""

    spent: dict[str, float] = field(default_factory=dict)

    def check(self, state: RunState) -> None:
        super().check(state)
        if isinstance(state, BudgetState):
            assert state.spent >= 0
            assert not state.reserved.keys() & {place.task_id for place in state.queue}
            self.spent[state.budget] = state.spent


def _budgeted(*budgets: dict[str, Any], spec: Workflow = SPEC) -> BudgetedCluster:
    models = {name: {"provider": "scripted"} for name in ("local", "m")}
    return BudgetedCluster(
        runs(Settings.model_validate({"budgets": budgets, "models": models}), Measured(), spec, CHILD)
    )


def _send(cluster: SimulatedCluster, task_id: str, tenant: str) -> None:
    task = Task(id=task_id, workflow="root", tenant=tenant, input={})
    cluster.send(Outgoing(TASKS, task_id, task, task_id, partition_of(task_id, PARTITIONS)))


def _happen(cluster: BudgetedCluster, data: st.DataObject, *, saves: bool) -> None:
    places, asked, keys = cluster.places(), sorted(cluster.asked), sorted(cluster.states)
    match data.draw(st.sampled_from(["deliver"] * 8 + ["answer"] * 3 + ["write", "write", "crash", "time"])):
        case "deliver" if places:
            cluster.deliver(data.draw(st.sampled_from(places)))
        case "answer" if asked:
            cluster.answer(data.draw(st.sampled_from(asked)), cost=COST)
        case "write" if keys and saves:
            cluster.write(data.draw(st.sampled_from(keys)))
        case "crash" if keys:
            cluster.crash(data.draw(st.sampled_from(keys)), torn=data.draw(st.integers(0, 3)))
        case "time":
            cluster.pass_time(data.draw(st.sampled_from([0.1, 1.0])))


def _finish(cluster: BudgetedCluster) -> None:
    """Deliver and answer everything, before any time passes."""
    for _ in range(2_000):
        if places := cluster.places():
            cluster.deliver(places[0])
        elif cluster.asked:
            cluster.answer(min(cluster.asked), cost=COST)
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
    cluster = _budgeted({"name": "all", **terms}, {"name": "each", "tenant": "*", **terms}, spec=spec)
    for task_id, tenant in TENANTS.items():
        _send(cluster, task_id, tenant)
    saves = data.draw(st.booleans())
    for _ in range(events):
        _happen(cluster, data, saves=saves)
    _finish(cluster)
    results = {result.task_id: result for result in cluster.results}
    outcomes = {(result.task_id, result.status, result.degraded, result.usage.cost) for result in cluster.results}
    assert len(outcomes) == len(results), "what is repeated is the same"
    accounts = [state for state in cluster.states.values() if isinstance(state, BudgetState)]
    if when_exceeded != "queue":  # who waits, waits on
        assert results.keys() >= TENANTS.keys()
        assert not [account for account in accounts if account.reserved or account.queue]
    paid = COST * len(cluster.answered)
    assert cluster.spent["all"] == sum(result.usage.cost for task, result in results.items() if task in TENANTS)
    assert cluster.spent["all"] == paid
    assert sum(spent for budget, spent in cluster.spent.items() if budget != "all") == paid
    if limit == 100.0:
        assert {result.status for result in results.values()} == {"succeeded"}
    cluster.finish()
    assert {result.task_id for result in cluster.results} >= TENANTS.keys()
    assert cluster.states == {}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("victims", [["a"], ["budget\t/all"], ["a", "budget\t/all"], ["budget\t/all", "a"]])
def test_that_a_run_that_ended_before_anything_of_it_was_saved_is_paid_for_once(
    victims: list[str], *, written: bool
) -> None:
    cluster = _budgeted({"name": "all", "limit": 100.0, "period": 1e9})
    for task_id in TENANTS:
        _send(cluster, task_id, "acme")
    _finish(cluster)
    if written:
        cluster.write("budget\t/all")
    for victim in victims:
        cluster.crash(victim)
        _finish(cluster)
    assert [result.task_id for result in cluster.results].count("a") == 1 + victims.count("a")
    assert cluster.spent["all"] == COST * len(cluster.answered) == COST * 3 * len(TENANTS)
    (account,) = (state for state in cluster.states.values() if isinstance(state, BudgetState))
    assert account.reserved == {}


def test_that_a_budget_is_asked_under_its_key_and_answers_the_run() -> None:
    machine = _budgeted({"name": "b", "tenant": "*", "limit": 1.0}).machine
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
    cluster = _budgeted({"name": "first", "limit": 100.0, "period": 1e9})
    _send(cluster, "budget", "acme")
    while places := cluster.places():
        cluster.deliver(places[0])
    log = Assembler()
    for state_key, state in cluster.states.items():
        for key, value in cluster.machine.records(state_key, state, None):
            log.add(key, value)
    assert log.states() == cluster.states
    assert len(cluster.states) == 2


def test_that_an_account_that_nobody_uses_is_forgotten_after_a_period() -> None:
    cluster = _budgeted({"name": "b", "limit": 1.0, "period": 10.0})
    _send(cluster, "a", "acme")
    _finish(cluster)
    (account,) = (state for state in cluster.states.values() if isinstance(state, BudgetState))
    first = cluster.machine.wake(account, account.ends_at - 0.1)
    assert (first.value, first.forget) == (None, False)
    second = cluster.machine.wake(account, account.ends_at)
    assert isinstance(second.value, BudgetState)
    assert (second.value.spent, second.forget) == (0.0, False)
    assert cluster.machine.wake(second.value, second.value.ends_at).forget
