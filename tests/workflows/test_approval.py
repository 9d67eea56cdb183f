"""Runs of tasks that a policy wants to be approved."""

from __future__ import annotations

from typing import Any

import pytest

from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import TaskReceived, Tick
from app.workflows.records import Assembler, records
from app.workflows.run import Run
from tests.workflows.kinds.run_helpers import answer_next, asking, begun, outcome
from tests.workflows.simulation import START, Life
from topics.signals import Signal
from topics.tasks import Task

WANTED = {"policy": "large", "requested_by": "key:ann", "seconds": 600.0}


def waiting(task: dict[str, Any] | None = None, **wanted: Any) -> Life:
    life = begun({"say": asking("alpha")}, task={"approval": {**WANTED, **wanted}, **(task or {})})
    assert isinstance(life.state, Run)
    assert (life.state.approval, life.open) == ("awaited", [])
    return life


def decide(life: Life, kind: Any, actor: str = "key:bob", name: str = "") -> None:
    life.give(Signal(task_id="t", kind=kind, actor=actor, name=name))


def test_that_a_run_begins_when_it_is_approved() -> None:
    life = waiting()
    life.now += 500.0  # longer than the workflow's deadline
    decide(life, "approve")
    assert isinstance(life.state, Run)
    assert life.state.deadline == life.now + 100.0
    answer_next(life)
    assert outcome(life).status == "succeeded"


def test_that_it_is_approved_once() -> None:
    life = waiting()
    decide(life, "approve")
    before = life.state
    for kind in ("approve", "reject"):
        decide(life, kind)
    assert life.state is before
    assert len(life.open) == 1


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("key:bob", "key:bob rejected the task, which the policy large wanted to be approved: no money"),
        ("", "somebody"),
    ],
)
def test_that_a_run_that_is_rejected_fails_with_who_and_why(actor: str, words: str) -> None:
    life = waiting()
    decide(life, "reject", actor, "no money")
    result = outcome(life)
    assert result.error
    assert (result.status, result.error.code, life.open) == ("failed", "not_approved", [])
    assert words in result.error.message


@pytest.mark.parametrize("kind", ["approve", "reject"])
def test_that_nobody_decides_about_their_own_task(kind: str) -> None:
    life = waiting()
    decide(life, kind, "key:ann")
    assert isinstance(life.state, Run)
    assert (life.state.approval, life.open) == ("awaited", [])
    decide(waiting(requested_by=""), kind, "")  # where nobody can be told apart


def test_that_it_fails_when_nobody_approves_it_in_time() -> None:
    life = waiting()
    assert isinstance(life.state, Run)
    assert life.state.wake_at == START + 600.0
    life.now = START + 599.0
    life.give(Tick())
    assert isinstance(life.state, Run)
    life.now = START + 600.0
    life.give(Tick())
    error = outcome(life).error
    assert error
    assert error.code == "not_approved"


def test_that_the_deadline_of_the_task_itself_holds() -> None:
    life = waiting({"deadline": "2023-11-14T22:20:00Z"}, seconds=10**9)
    assert isinstance(life.state, Run)
    assert life.state.task.deadline
    assert life.state.deadline == life.state.task.deadline.timestamp()


def test_that_a_run_that_waits_can_be_cancelled_and_keeps_its_signals() -> None:
    life = waiting()
    life.give(Signal(task_id="t", name="go", payload=1))
    assert isinstance(life.state, Run)
    assert life.state.signals == {"go": 1}
    decide(life, "cancel")
    assert outcome(life).status == "cancelled"


@pytest.mark.parametrize("kind", ["approve", "reject"])
def test_that_a_run_that_needs_no_approval_is_left_alone(kind: str) -> None:
    life = begun({"say": asking("alpha")})
    before = life.state
    decide(life, kind)
    assert life.state is before


def test_that_a_wrong_input_is_refused_before_anybody_looks_at_it() -> None:
    life = begun(
        {"say": asking("alpha")},
        task={"approval": WANTED},
        input={"type": "object", "required": ["amount"]},
    )
    error = outcome(life).error
    assert error
    assert error.code == "invalid_input"


def test_that_it_goes_on_with_the_version_that_it_was_accepted_for() -> None:
    life = waiting()
    latest = life.definition.spec.model_copy(update={"version": 2})
    life.definitions = Definitions([life.definition.spec, latest])
    decide(life, "approve")
    answer_next(life)
    assert outcome(life).workflow_version == 1


def test_that_an_approval_counts_that_comes_before_the_workflow_is_known() -> None:
    life = Life(Definitions([]))
    life.give(TaskReceived("t", Task.model_validate({"id": "t", "workflow": "w", "input": {}, "approval": WANTED})))
    decide(life, "approve")
    spec = Workflow.model_validate({"id": "w", "deadline": 100.0, "steps": {"say": asking("alpha", prompt="Hello")}})
    life.definitions = Definitions([spec])
    life.now += 0.5
    life.give(Tick())
    assert len(life.open) == 1


def test_that_a_worker_that_takes_it_over_waits_on() -> None:
    life = waiting()
    assembler = Assembler()
    for key, value in records("t", life.state, None):
        assembler.add(key, value)
    (state,) = assembler.states().values()
    assert state == life.state
