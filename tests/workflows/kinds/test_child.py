from __future__ import annotations

from typing import Any

from app.workflows.engine import TaskReceived, Tick, advance
from app.workflows.run import Done
from tests.workflows.kinds.run_helpers import answer_next, asked, begun, later, outcome, transform
from tests.workflows.simulation import LIMITS, START, Life
from topics.results import Result
from topics.signals import Signal
from topics.step_results import StepResult
from topics.tasks import Task

CHILD = {"kind": "workflow", "workflow": "child", "input": {"q": "${{ input.question }}"}}


def _child(life: Life) -> Task:
    (task,) = (command for command in life.commands if isinstance(command, Task))
    return task


def test_that_a_child_is_a_task_that_knows_its_parent() -> None:
    life = begun({"sub": {**CHILD, "version": 3, "timeout": 20}}, task={"metadata": {"tenant": "x"}, "priority": 5})
    child = _child(life)
    assert (child.id, child.workflow, child.version, child.input) == ("t/sub/workflow/1", "child", 3, {"q": "why?"})
    assert child.parent
    assert (child.parent.task_id, child.parent.step, child.parent.request_id) == ("t", "sub", child.id)
    assert child.deadline
    assert (child.deadline.timestamp(), child.metadata, child.priority) == (START + 20, {"tenant": "x"}, 5)


def test_that_the_childs_answer_is_the_steps_output_and_its_usage_the_parents() -> None:
    life = begun({"sub": CHILD, "end": transform("steps.sub.output")})
    life.give(
        StepResult.model_validate(
            {"id": _child(life).id, "task_id": "t", "step": "sub", "output": 7, "usage": {"input_tokens": 9}}
        )
    )
    assert (outcome(life).answer, outcome(life).usage.input_tokens) == (7, 9)


def test_that_a_child_tells_its_parent_of_its_end_good_or_bad() -> None:
    task: dict[str, Any] = {
        "id": "t/sub/workflow/1",
        "parent": {"task_id": "p", "step": "sub", "request_id": "t/sub/workflow/1"},
    }
    for value, error in (("1", None), ("1 + 'a'", "expression")):
        life = begun({"end": transform(value)}, task=task)
        told = life.commands[-1]
        assert isinstance(told, StepResult)
        assert (told.id, told.task_id, told.step) == ("t/sub/workflow/1", "p", "sub")
        assert (told.error.code if told.error else None, told.output) == (error, None if error else 1)


def test_that_children_that_nobody_waits_for_are_cancelled() -> None:
    life = begun({"sub": {**CHILD, "optional": True}}, deadline=10.0)
    life.give(Signal(task_id="t", kind="cancel", actor="ada"))
    (cancel,) = (command for command in life.commands if isinstance(command, Signal))
    assert (cancel.task_id, cancel.kind) == ("t/sub/workflow/1", "cancel")
    assert life.results[0].status == "cancelled"


def test_that_the_children_of_a_map_are_cancelled_with_it() -> None:
    each = {"kind": "map", "over": "[1, 2, 3]", "step": CHILD, "timeout": 10}
    life = begun({"each": each})
    answer_next(life)
    later(life, 10)
    cancelled = [command.task_id for command in life.commands if isinstance(command, Signal)]
    assert cancelled == ["t/each[1]/workflow/1", "t/each[2]/workflow/1"]


def test_that_names_deep_in_a_family_stay_short_enough_for_an_id() -> None:
    life = begun({"sub": CHILD})
    long = "x" * 195
    state, commands = advance(
        None, TaskReceived(long, Task(id=long, workflow="w", input={"question": "?"})), life.engine, START
    )
    (task,) = commands
    assert isinstance(task, Task)
    assert task.id
    assert len(task.id) <= 200
    assert task.parent
    answer = StepResult(id=task.parent.request_id, task_id=long, step="sub", output=1)
    state, commands = advance(state, answer, life.engine, START)
    assert isinstance(commands[0], Result)
    assert state == Done(state.digest, START + LIMITS.remember) if isinstance(state, Done) else False


def test_that_a_workflow_that_runs_itself_comes_to_an_end() -> None:
    generation = {"task_id": "p", "step": "sub", "request_id": "t", "depth": 19}
    child = _child(begun({"sub": CHILD}, task={"parent": generation}))
    assert child.parent
    assert child.parent.depth == 20
    life = begun({"sub": CHILD}, task={"parent": {**generation, "depth": 20}})
    error = outcome(life).error
    assert error
    assert error.code == "too_deep"


def test_that_a_parent_did_with_less_when_its_child_did() -> None:
    life = begun({"sub": CHILD})
    told = {"id": _child(life).id, "task_id": "t", "step": "sub", "output": 1, "degraded": True}
    life.give(StepResult.model_validate(told))
    assert outcome(life).degraded


def test_that_a_child_that_failed_fails_its_step() -> None:
    life = begun({"sub": CHILD})
    assert asked(life) == ["t/sub/workflow/1"]
    answer_next(life, error="quorum_not_met")
    error = outcome(life).error
    assert error
    assert error.code == "quorum_not_met"


def test_that_a_run_with_a_long_id_ends_and_its_children_with_it() -> None:
    long = "x" * 195
    definitions = begun({"sub": CHILD}).definitions
    for event, seconds in ((Signal(task_id=long, kind="cancel"), 0.0), (Tick(), 1000.0)):
        life = Life(definitions)
        life.give(TaskReceived(long, Task(id=long, workflow="w", input={"question": "?"})))
        child = _child(life)
        life.now += seconds
        life.give(event)
        assert isinstance(life.state, Done)
        assert [one.task_id for one in life.commands if isinstance(one, Signal)] == ([] if seconds else [child.id])
