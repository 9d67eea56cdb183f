from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings import BudgetSettings
from app.workflows.budgets.client import key
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import TaskReceived
from app.workflows.run import Run
from tests.workflows.kinds.run_helpers import asking, later, outcome
from tests.workflows.simulation import Life, answer
from topics.budgets import BudgetEvent, Terms
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage
from topics.signals import Signal
from topics.step_results import StepResult
from topics.tasks import Task

GRANTS: dict[str, dict[str, Any]] = {
    "grant": {},
    "degrade": {"degraded": True, "output": ["alpha"]},
    "refuse": {"error": {"code": "budget_exceeded", "message": "no"}},
}
FAMILY = {"task_id": "p", "step": "s", "request_id": "r"}


def _budget(name: str = "all", **fields: Any) -> BudgetSettings:
    return BudgetSettings.model_validate({"name": name, "limit": 10.0, **fields})


def _begun(*budgets: BudgetSettings, task: dict[str, Any] | None = None, **fields: Any) -> Life:
    steps = {"say": asking("alpha", "beta", fusion={"strategy": "vote", "quorum": 1})}
    spec = Workflow.model_validate({"id": "w", "deadline": 100.0, "steps": steps, **fields})
    life = Life(Definitions([spec]), budgets=budgets)
    begun = {"id": "t", "workflow": "w", "tenant": "acme", "input": {"question": "why?"}, **(task or {})}
    life.give(TaskReceived("t", Task.model_validate(begun), offset=5))
    return life


def _grant(life: Life, **fields: Any) -> None:
    """Answer the open question to a budget."""
    event = life.open.pop(0)
    assert isinstance(event, BudgetEvent)
    life.give(StepResult(id=event.id, task_id="t", **fields))


def _answer(life: Life, cost: float) -> None:
    request = life.open.pop(0)
    assert isinstance(request, ModelRequest)
    life.give(answer(request).model_copy(update={"usage": Usage(output_tokens=1, cost=cost)}))


def _asked(life: Life) -> list[str]:
    return [request.model for request in life.open if isinstance(request, ModelRequest)]


def _settled(life: Life) -> dict[str, float]:
    events = [one for one in life.commands if isinstance(one, BudgetEvent) and one.action == "settle"]
    assert len({event.id for event in events}) == len(events)
    assert {event.turn for event in events} <= {5}
    return {event.budget: event.cost for event in events}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "b"),
        ({"tenant": "acme"}, "b"),
        ({"tenant": "other"}, None),
        ({"tenant": "*"}, "b:acme"),
        ({"workflow": "w"}, "b"),
        ({"workflow": "v"}, None),
        ({"tenant": "*", "workflow": "*"}, "b:acme:w"),
        ({"tenant": "acme", "workflow": "*"}, "b:w"),
    ],
)
def test_that_a_budget_is_for_all_or_for_one_or_for_each(fields: dict[str, str], expected: str | None) -> None:
    assert key(_budget("b", **fields), Task(workflow="w", tenant="acme", input={})) == expected


def test_that_no_two_tenants_share_a_budget_of_their_own() -> None:
    both = _budget("b", tenant="*", workflow="*")
    pairs = [("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("", "c"), ("a/b", "c")]
    keys = {key(both, Task(tenant=tenant, workflow=workflow, input={})) for tenant, workflow in pairs}
    assert len(keys) == len(pairs)


def test_that_without_a_budget_for_it_a_run_does_nothing_more() -> None:
    with_others, without = _begun(_budget(tenant="bolt")), _begun()
    assert with_others.commands == without.commands
    _answer(with_others, 1.0)
    _answer(with_others, 1.0)
    assert not [one for one in with_others.commands if isinstance(one, BudgetEvent)]


def test_that_a_run_asks_for_money_begins_with_it_and_settles_what_it_has_cost() -> None:
    life = _begun(_budget(tenant="*", when_exceeded="queue", period="1d", reserve=0.2), priority=3)
    (event,) = life.commands
    assert isinstance(event, BudgetEvent)
    assert (event.id, event.action, event.budget, event.workflow) == ("t/budget:all:acme", "reserve", "all:acme", "w")
    assert event.terms
    assert (event.terms.limit, event.terms.period, event.terms.reserve) == (10.0, 86400.0, 0.2)
    assert (event.terms.when_exceeded, event.priority, event.turn) == ("queue", 3, 5)
    life.restart()
    _grant(life)
    life.restart()
    assert _asked(life) == ["alpha", "beta"]
    _answer(life, 0.25)
    _answer(life, 0.5)
    assert outcome(life).status == "succeeded"
    assert not outcome(life).degraded
    assert _settled(life) == {"all:acme": 0.75}


def test_that_several_are_asked_in_their_order_and_what_was_granted_is_given_back_on_a_refusal() -> None:
    life = _begun(_budget("one"), _budget("two", workflow="w"), _budget("three"))
    _grant(life)
    (event,) = life.open
    assert isinstance(event, BudgetEvent)
    assert event.budget == "two"
    _grant(life, error={"code": "budget_exceeded", "message": "the budget two has not enough left"})
    assert life.open == []
    result = outcome(life)
    assert result.error
    assert (result.status, result.error.code, result.usage.cost) == ("failed", "budget_exceeded", 0.0)
    assert _settled(life) == {"one": 0.0, "two": 0.0}


def test_that_the_answer_of_another_budget_is_no_answer_of_this_one() -> None:
    life = _begun(_budget("one"), _budget("two"))
    first = life.open[0]
    assert isinstance(first, BudgetEvent)
    _grant(life)
    life.give(StepResult(id=first.id, task_id="t"))
    assert isinstance(life.state, Run)
    assert (life.state.budget, life.state.paid) == ("two", ("one",))


def test_that_a_turn_comes_before_the_money() -> None:
    life = _begun(_budget(), concurrency={"limit": 1})
    life.give(answer(life.open.pop(0)))
    _grant(life)
    assert _asked(life) == ["alpha", "beta"]
    assert isinstance(life.state, Run)
    assert life.state.slot == "held"


def test_that_a_run_that_waits_in_vain_ends_by_its_deadline_and_leaves_the_queue() -> None:
    life = _begun(_budget(when_exceeded="queue"))
    later(life, 100)
    error = outcome(life).error
    assert error
    assert (error.code, error.message) == (
        "budget_exceeded",
        "the run's deadline passed before the budget all had money for it",
    )
    assert _settled(life) == {"all": 0.0}


def test_that_a_run_that_is_cancelled_settles_what_is_known() -> None:
    life = _begun(_budget())
    _grant(life)
    _answer(life, 0.25)
    life.give(Signal(task_id="t", kind="cancel", actor="ada"))
    assert outcome(life).status == "cancelled"
    assert _settled(life) == {"all": 0.25}


def test_that_a_degraded_run_asks_only_the_models_that_it_may() -> None:
    life = _begun(_budget())
    _grant(life, degraded=True, output=["beta", "gamma"])
    life.restart()
    assert _asked(life) == ["beta"]
    _answer(life, 0.01)
    result = outcome(life)
    assert (result.status, result.degraded) == ("succeeded", True)
    assert _settled(life) == {"all": 0.01}


@pytest.mark.parametrize(
    ("allowed", "judge"), [(None, "judge"), (["beta", "alpha"], "beta"), (["beta", "judge", "alpha"], "judge")]
)
def test_that_the_fusion_of_a_degraded_run_asks_only_a_model_that_it_may(allowed: list[str] | None, judge: str) -> None:
    fusion = {"strategy": "best-of-n", "judge": "judge"}
    life = _begun(_budget(), steps={"say": asking("alpha", "beta", fusion=fusion)})
    _grant(life, **({"degraded": True, "output": allowed} if allowed else {}))
    for text in ("One", "Two"):
        request = life.open.pop(0)
        assert isinstance(request, ModelRequest)
        life.give(answer(request, text))
    life.restart()
    assert set(_asked(life)) == {judge}
    calls = [request for request in life.open if isinstance(request, ModelRequest)]
    assert {call.purpose for call in calls} == {"fusion"}


def test_that_of_two_that_are_used_up_both_have_their_say() -> None:
    life = _begun(_budget("one"), _budget("two"))
    _grant(life, degraded=True, output=["alpha", "beta"])
    _grant(life, degraded=True, output=["beta", "gamma"])
    assert _asked(life) == ["beta"]


def test_that_a_step_without_a_model_that_may_be_used_fails_by_name() -> None:
    life = _begun(_budget())
    _grant(life, degraded=True, output=["gamma"])
    error = outcome(life).error
    assert error
    assert error.code == "budget_exceeded"
    assert error.message == ("a budget is used up; the step has none of the models that may still be used (gamma)")


def test_that_a_child_is_paid_for_by_its_parent_and_is_degraded_with_it() -> None:
    steps = {"sub": {"kind": "workflow", "workflow": "child"}}
    life = _begun(_budget("one"), _budget("own", workflow="child"), steps=steps)
    _grant(life, degraded=True, output=["beta"])
    (child,) = life.open
    assert isinstance(child, Task)
    assert child.parent
    assert (child.tenant, child.parent.paid, child.parent.models) == ("acme", ("one",), ("beta",))
    spent = Usage(cost=0.5)
    request = child.parent
    life.give(StepResult(id=request.request_id, task_id="t", step="sub", output=1, usage=spent))
    assert _settled(life) == {"one": 0.5}


def test_that_a_child_asks_only_the_budgets_that_its_parent_did_not() -> None:
    family = {**FAMILY, "paid": ["one"], "models": ["beta"]}
    life = _begun(_budget("one"), _budget("own"), task={"parent": family})
    (event,) = life.open
    assert isinstance(event, BudgetEvent)
    assert event.budget == "own"
    _grant(life)
    assert _asked(life) == ["beta"]
    assert isinstance(life.state, Run)
    assert life.state.charged == ("one", "own")
    _answer(life, 0.5)
    assert _settled(life) == {"own": 0.5}


def test_that_an_answer_that_comes_after_the_end_is_charged_once() -> None:
    life = _begun(_budget("one"), _budget("two"), task={"parent": {**FAMILY, "paid": ["theirs"]}})
    _grant(life)
    _grant(life)
    _answer(life, 0.25)
    late = life.open[-1]
    assert isinstance(late, ModelRequest)
    life.give(Signal(task_id="t", kind="cancel"))
    life.restart()
    answered = answer(late).model_copy(update={"usage": Usage(cost=0.5)})
    events = [*life.give(answered), *life.give(answered)]
    assert [(one.budget, one.cost, one.turn, one.id) for one in events if isinstance(one, BudgetEvent)] == [
        (budget, 0.5, 5, f"t/say/beta/1/budget:{budget}") for budget in ("theirs", "one", "two")
    ]
    assert _settled(life) == {"one": 0.25, "two": 0.25}


def test_that_a_late_answer_costs_nothing_where_there_is_no_budget_or_no_cost() -> None:
    for budgets in ((), (_budget(),)):
        life = _begun(*budgets)
        if budgets:
            _grant(life)
        life.give(Signal(task_id="t", kind="cancel"))
        ended = life.state
        assert life.give(answer(life.open[0])) == []
        assert (life.state is ended) == (not budgets)


def test_that_what_a_budget_has_answered_before_a_crash_holds_though_the_turn_comes_again() -> None:
    life = _begun(_budget("one"), _budget("two"), concurrency={"limit": 1})
    life.give(StepResult(id="t/budget:one", task_id="t", degraded=True, output=["beta"]))
    life.give(StepResult(id="t/budget:two", task_id="t"))
    life.restart()
    life.give(answer(life.open.pop(0)))
    assert _asked(life) == ["beta"]
    assert isinstance(life.state, Run)
    assert (life.state.paid, life.state.early) == (("one", "two"), {})
    refused = _begun(_budget("one"), concurrency={"limit": 1})
    refused.give(StepResult.model_validate({"id": "t/budget:one", "task_id": "t", **GRANTS["refuse"]}))
    refused.give(answer(refused.open.pop(0)))
    error = outcome(refused).error
    assert error
    assert error.code == "budget_exceeded"
    assert _settled(refused) == {"one": 0.0}


def test_that_answers_from_before_a_crash_are_paid_for_though_the_run_ends_in_line() -> None:
    life = _begun(_budget())
    early = ModelResponse(
        id="t/say/beta/1", task_id="t", step="say", branch="beta", model="beta", usage=Usage(cost=0.5)
    )
    life.give(early)
    life.give(early)
    life.give(Signal(task_id="t", kind="cancel"))
    assert outcome(life).usage.cost == 0.5
    assert _settled(life) == {"all": 0.5}


def test_that_a_late_answer_is_charged_though_a_crash_has_torn_the_run_from_its_money() -> None:
    life = _begun(_budget())
    asked = life.state
    _grant(life)
    late, torn = life.open[-1], life.state
    assert isinstance(asked, Run)
    assert isinstance(torn, Run)
    assert isinstance(late, ModelRequest)
    life.state = replace(asked, steps=torn.steps, active=torn.active)
    life.give(Signal(task_id="t", kind="cancel"))
    (event,) = life.give(answer(late).model_copy(update={"usage": Usage(cost=0.5)}))
    assert isinstance(event, BudgetEvent)
    assert (event.action, event.budget, event.cost) == ("charge", "all", 0.5)


def _happen(life: Life, happening: str) -> None:
    match happening:
        case "restart":
            life.restart()
        case "time":
            later(life, 30)
        case "cancel":
            life.give(Signal(task_id="t", kind="cancel"))
        case _ if life.open and isinstance(life.open[0], BudgetEvent):
            _grant(life, **GRANTS[happening])
        case _ if life.open:
            _answer(life, 0.25)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*GRANTS, "restart", "time", "cancel"]), max_size=12))
def test_that_every_answer_is_paid_for_once_whatever_happens(happenings: list[str]) -> None:
    life = _begun(_budget("one"), _budget("two", tenant="*"))
    for happening in happenings:
        _happen(life, happening)
    life.expire()
    reserved = {one.budget for one in life.commands if isinstance(one, BudgetEvent) and one.action == "reserve"}
    assert _settled(life) == dict.fromkeys(reserved, outcome(life).usage.cost)
    while any(isinstance(request, ModelRequest) for request in life.open):
        _answer(life, 0.25)
    paid: dict[str, float] = dict.fromkeys(reserved, 0.0)
    for event in life.commands:
        if isinstance(event, BudgetEvent):
            paid[event.budget] += event.cost
    answered = [one for one, _, _ in life.inputs if isinstance(one, ModelResponse)]
    assert paid == dict.fromkeys(reserved, 0.25 * len(answered))


OWN = {"spend_limit": {"name": "api-key.a", "limit": 0.005, "period": 60}}


def _reserving(life: Life) -> list[BudgetEvent]:
    return [one for one in life.open if isinstance(one, BudgetEvent)]


@pytest.mark.parametrize("configured", [(), (_budget("all"),)])
def test_that_whoever_sent_a_task_has_a_budget_of_their_own(configured: tuple[BudgetSettings, ...]) -> None:
    life = _begun(*configured, task=OWN)
    for budget in configured:
        assert [one.budget for one in _reserving(life)] == [budget.name]
        _grant(life)
    [own] = _reserving(life)
    assert (own.budget, own.terms) == ("api-key.a", Terms(limit=0.005, period=60, reserve=0.005))
    _grant(life)
    assert _asked(life) == ["alpha", "beta"]
    for _ in range(2):
        _answer(life, 0.25)
    assert _settled(life) == dict.fromkeys((*[one.name for one in configured], "api-key.a"), 0.5)


def test_that_a_run_beyond_it_is_refused() -> None:
    life = _begun(task=OWN)
    _grant(life, **GRANTS["refuse"])
    error = outcome(life).error
    assert error
    assert error.code == "budget_exceeded"
