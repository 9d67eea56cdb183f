from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.workflows.child_workflows import PARENT, cancellation, notify_parent
from app.workflows.definition.definitions import Definition
from app.workflows.definition.spec import Workflow
from app.workflows.run import Run, StepRun
from topics.base import Failure
from topics.model_responses import Usage
from topics.results import Result
from topics.signals import Signal
from topics.step_results import StepResult
from topics.tasks import Parent, Task

CHILD = {"kind": "workflow", "workflow": "child"}
DEFINITION = Definition(
    Workflow.model_validate(
        {
            "id": "w",
            "steps": {
                "one": CHILD,
                "many": {"kind": "map", "over": "[1, 2]", "step": CHILD},
                "call": {"kind": "connector", "connector": "c"},
            },
            "answer": "one",
        }
    )
)
BEGUN = datetime(2026, 11, 24, tzinfo=UTC)


def run(**task: Any) -> Run:
    return Run("t", Task(id="t", workflow="w", input={}, **task), "digest", 1.0, 9.0)


def cancelled(name: str, **step: Any) -> list[Signal]:
    return list(cancellation(run(), DEFINITION, name, StepRun(**step)))


def outcome(**fields: Any) -> Result:
    given = {"task_id": "t", "workflow": "w", "status": "succeeded", "accepted_at": BEGUN, **fields}
    return Result.model_validate({"finished_at": BEGUN + timedelta(seconds=2.5), **given})


def test_that_the_child_of_a_step_is_cancelled_and_told_why() -> None:
    (signal,) = cancelled("one", status="running", outstanding=frozenset({"t/one/workflow/1"}))
    assert (signal.task_id, signal.kind, signal.actor) == ("t/one/workflow/1", "cancel", PARENT)
    assert "t does not need it any more" in signal.name


def test_that_the_child_of_an_item_is_cancelled() -> None:
    (signal,) = cancelled("many[1]", status="running", outstanding=frozenset({"t/many[1]/workflow/1"}))
    assert signal.task_id == "t/many[1]/workflow/1"


def test_that_there_is_nothing_to_cancel_where_no_child_runs() -> None:
    waiting = frozenset({"an id"})
    assert cancelled("one", status="succeeded", outstanding=waiting) == []
    assert cancelled("one", status="backing_off") == []
    assert cancelled("call", status="running", outstanding=waiting) == []
    assert cancelled("many", status="running", outstanding=waiting) == []
    assert cancelled("gone", status="running", outstanding=waiting) == []


def test_that_a_child_tells_its_parent_how_it_ended() -> None:
    child = run(parent=Parent(task_id="p", step="one", request_id="p/one/workflow/1"))
    usage = Usage(input_tokens=5, cost=0.1)
    assert list(notify_parent(child, outcome(answer={"n": 1}, usage=usage))) == [
        StepResult(id="p/one/workflow/1", task_id="p", step="one", output={"n": 1}, usage=usage, seconds=2.5)
    ]


def test_that_a_child_that_failed_brings_its_error_home() -> None:
    error = Failure(code="no_model", message="none qualifies")
    child = run(parent=Parent(task_id="p", step="one", request_id="r"))
    (told,) = notify_parent(child, outcome(status="failed", error=error))
    assert (told.error, told.output) == (error, None)


def test_that_a_run_without_a_parent_tells_nobody() -> None:
    assert list(notify_parent(run(), outcome())) == []


def test_that_a_cancellation_is_sent_whatever_the_length_of_the_ids() -> None:
    parent = "x" * 200
    run = Run(parent, Task(id=parent, workflow="w", input={}), "digest", 1.0, 9.0)
    (signal,) = cancellation(run, DEFINITION, "one", StepRun(status="running", outstanding=frozenset({"y" * 200})))
    assert signal.task_id == "y" * 200
    assert signal.name == f"the run {'x' * 59}… does not need it any more"
