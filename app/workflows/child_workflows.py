"""What a run and its child runs send each other."""

from __future__ import annotations

from collections.abc import Iterator

from app.workflows.definition.definitions import Definition
from app.workflows.definition.steps import WorkflowStep
from app.workflows.run import Run, StepRun
from topics.results import Result
from topics.signals import Signal
from topics.step_results import StepResult

#: The actor of a cancellation that no person asked for.
PARENT = "its parent"
#: How much of a task's id is shown, so that the name of a signal is short enough.
_MAX_SHOWN = 60


def cancellation(run: Run, definition: Definition, name: str, step: StepRun) -> Iterator[Signal]:
    """Yield what ends the child runs that a step has begun, and that nobody waits for any more."""
    compiled = definition.step(name)
    if compiled and isinstance(compiled.spec, WorkflowStep) and not step.over:
        parent = run.task_id if len(run.task_id) <= _MAX_SHOWN else f"{run.task_id[: _MAX_SHOWN - 1]}…"
        for child in sorted(step.outstanding):
            yield Signal(task_id=child, kind="cancel", name=f"the run {parent} does not need it any more", actor=PARENT)


def notify_parent(run: Run, outcome: Result) -> Iterator[StepResult]:
    """Yield the answer of a child run to its parent's step."""
    if parent := run.task.parent:
        yield StepResult(
            id=parent.request_id,
            task_id=parent.task_id,
            step=parent.step,
            output=outcome.answer,
            error=outcome.error,
            usage=outcome.usage,
            degraded=outcome.degraded,
            seconds=(outcome.finished_at - outcome.accepted_at).total_seconds(),
        )
