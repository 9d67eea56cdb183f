from __future__ import annotations

from typing import Any

import pytest

from app.workflows.completion import complete
from app.workflows.definition.definitions import Definition, Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine_context import EngineContext, EngineLimits
from app.workflows.run import Done, Run, StepRun
from topics.base import Failure
from topics.results import Result
from topics.retrieval_results import Chunk
from topics.signals import Signal
from topics.slots import SlotEvent
from topics.step_results import StepResult
from topics.tasks import Parent, Task

STEPS = {"one": {"kind": "workflow", "workflow": "child"}, "say": {"kind": "transform", "value": "1"}}
CONTEXT = EngineContext(Definitions(), limits=EngineLimits(remember=50.0))
BUSY = Failure(code="overloaded", message="too busy")
CHILD = StepRun(status="running", wake_at=9.0, outstanding=frozenset({"t/one/workflow/1"}))


def definition(**fields: Any) -> Definition:
    return Definition(Workflow.model_validate({"id": "w", "steps": STEPS, "answer": "say", **fields}))


def run(say: StepRun, parent: Parent | None = None, **fields: Any) -> Run:
    task = Task(id="t", workflow="w", input={}, parent=parent)
    return Run("t", task, "digest", 100.0, 200.0, version=1, steps={"say": say, **fields.pop("steps", {})}, **fields)


SAID = StepRun(status="succeeded", started_at=100.0, ended_at=101.0, output=1)


def test_that_the_result_comes_first_and_what_remains_is_enough_to_know_a_repetition() -> None:
    done, (result,) = complete(run(SAID), definition(), None, CONTEXT, 110.0)
    assert done == Done(digest="digest", forget_at=160.0)
    assert isinstance(result, Result)
    assert (result.status, result.answer) == ("succeeded", 1)


@pytest.mark.parametrize(
    ("output", "status"), [({"type": "integer"}, "succeeded"), ({"type": "string"}, "failed"), ({}, "succeeded")]
)
def test_that_the_answer_must_fit_the_output_schema(output: dict[str, Any], status: str) -> None:
    _, (result,) = complete(run(SAID), definition(output=output), None, CONTEXT, 110.0)
    assert isinstance(result, Result)
    assert result.status == status
    assert (result.error is None) == (status == "succeeded")
    if result.error:
        assert result.error.code == "invalid_output"
        assert result.answer is None


def test_that_the_chunks_of_an_answer_that_is_a_retrieval_must_fit_the_output_schema() -> None:
    chunk = Chunk(id="d#1", document_id="d", source="d.md", text="said", lines=(1, 2), score=0.5)
    found = StepRun(status="succeeded", started_at=100.0, ended_at=101.0, chunks=(chunk,))
    schema = {"type": "array", "items": {"required": ["text"]}}
    _, (result,) = complete(run(found), definition(output=schema), None, CONTEXT, 110.0)
    assert isinstance(result, Result)
    assert (result.status, result.error) == ("succeeded", None)


def test_that_an_answer_that_was_skipped_needs_to_fit_nothing() -> None:
    _, (result,) = complete(run(StepRun(status="skipped")), definition(output={"type": "string"}), None, CONTEXT, 110.0)
    assert isinstance(result, Result)
    assert (result.status, result.answer) == ("succeeded", None)


def test_that_the_error_that_ended_it_is_not_hidden_by_another() -> None:
    _, (result,) = complete(run(SAID), definition(output={"type": "string"}), BUSY, CONTEXT, 110.0)
    assert isinstance(result, Result)
    assert result.error == BUSY


def test_that_all_that_wait_for_the_run_are_told() -> None:
    ended = run(
        SAID,
        Parent(task_id="p", step="s", request_id="r"),
        steps={"one": CHILD},
        active={"one": 9.0},
        slot="held",
        slot_key="acme",
    )
    _, commands = complete(ended, definition(concurrency={"limit": 1}), BUSY, CONTEXT, 110.0)
    result, home, farewell, slot = commands
    assert isinstance(result, Result)
    assert isinstance(home, StepResult)
    assert (home.id, home.error) == ("r", BUSY)
    assert isinstance(farewell, Signal)
    assert (farewell.task_id, farewell.kind) == ("t/one/workflow/1", "cancel")
    assert isinstance(slot, SlotEvent)
    assert (slot.action, slot.key) == ("release", "acme")


def test_that_a_run_whose_workflow_is_gone_still_has_a_result() -> None:
    _, (result,) = complete(run(SAID, steps={"one": CHILD}, active={"one": 9.0}), None, BUSY, CONTEXT, 110.0)
    assert isinstance(result, Result)
    assert (result.status, result.steps) == ("failed", ())
