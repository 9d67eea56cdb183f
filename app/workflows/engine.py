"""The workflow engine: one pure function.

`advance` takes a run's state and one event, and returns the new state and the events that follow. It reads
no clock, draws no lots and does no I/O: time comes in as `now`, and every id is a function of task, step,
branch and attempt. So repeating an event repeats the same commands under the same ids.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.errors import DeadlineExceeded, InvalidEvent, UnknownWorkflow, WorkflowError
from app.workflows.beginning import Request, begin
from app.workflows.closing import close
from app.workflows.definitions import Definition, Definitions
from app.workflows.report import result
from app.workflows.run import Done, Run, RunState, StepRun, digest
from topics.base import Failure
from topics.model_responses import ModelResponse
from topics.results import Result
from topics.retrieval_results import RetrievalResult
from topics.tasks import Task


@dataclass(frozen=True, slots=True)
class Accept:
    """A task came, whose id is settled."""

    task_id: str
    task: Task
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Input = Accept | RetrievalResult | ModelResponse | Tick
Command = Request | Result


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run may take at most, and how long a finished one is remembered (seconds)."""

    max_run: float = 3600.0
    remember: float = 600.0


def advance(
    state: RunState | None, event: Input, definitions: Definitions, now: float, limits: Limits
) -> tuple[RunState | None, list[Command]]:
    """Return the state after `event`, and what follows from it.

    An event that changes nothing returns the same state object. `now` is in epoch seconds.

    Raises:
        InvalidEvent: another task with this id, but other content, is known.
    """
    if isinstance(event, Accept):
        return _accept(state, event, definitions, now, limits)
    if not isinstance(state, Run):
        return state, []
    changed = state if isinstance(event, Tick) else _receive(state, event, now)
    if changed is state and not isinstance(event, Tick):
        return state, []
    try:
        definition = definitions.get(state.task.workflow, state.version)
    except UnknownWorkflow as error:
        return _end(changed, None, Failure.of(error), now, limits)
    return _go_on(_fit(changed, definition), definition, now, limits)


def _fit(run: Run, definition: Definition) -> Run:
    """Give a run the steps of a version that it did not begin with, where its own is not deployed any more."""
    if tuple(run.steps) == definition.order:
        return run
    return replace(run, steps={name: run.steps.get(name, StepRun()) for name in definition.order})


def _accept(
    state: RunState | None, event: Accept, definitions: Definitions, now: float, limits: Limits
) -> tuple[RunState | None, list[Command]]:
    mark = digest(event.task)
    if state is not None:
        if state.digest != mark:
            raise InvalidEvent(
                "duplicate_id", f"another task with the id {event.task_id} and other content came before"
            )
        return state, []
    run = Run(
        task_id=event.task_id,
        task=event.task,
        digest=mark,
        version=1,
        accepted_at=now,
        deadline=now,
        steps={},
        traceparent=event.traceparent,
    )
    try:
        definition = definitions.latest(event.task.workflow)
        run = _begin(run, definition, now, limits)
    except WorkflowError as error:
        return _end(run, None, Failure.of(error), now, limits)
    return _go_on(run, definition, now, limits)


def _begin(run: Run, definition: Definition, now: float, limits: Limits) -> Run:
    """Settle version and deadline.

    Raises:
        WorkflowError: the task cannot be run.
    """
    spec = definition.spec
    if missing := [name for name in spec.requires if run.task.input.get(name) in (None, "")]:
        raise _InvalidInput(f"input.{missing[0]} is missing; the workflow {spec.id} needs {', '.join(spec.requires)}")
    deadline = now + min(spec.deadline, limits.max_run)
    if run.task.deadline is not None:
        deadline = min(run.task.deadline.timestamp(), now + limits.max_run)
        if deadline <= now:
            raise DeadlineExceeded(f"the task's deadline, {run.task.deadline.isoformat()}, had passed when it came")
    steps = {name: StepRun() for name in definition.order}
    return replace(run, version=spec.version, deadline=deadline, steps=steps)


class _InvalidInput(WorkflowError):
    code = "invalid_input"


def _receive(run: Run, event: RetrievalResult | ModelResponse, now: float) -> Run:
    """Take in a fact; the same run when it is not awaited (seen before, or too late)."""
    step = run.steps.get(event.step)
    if step is None or step.over or event.id not in step.outstanding:
        return run
    step = replace(step, outstanding=step.outstanding - {event.id})
    if isinstance(event, ModelResponse):
        step = replace(step, responses=(*step.responses, event))
    elif event.error:
        step = replace(step, status="failed", ended_at=now, error=event.error)
    else:
        step = replace(step, status="succeeded", ended_at=now, chunks=event.chunks)
    return _with(run, event.step, step)


def _with(run: Run, name: str, step: StepRun) -> Run:
    return replace(run, steps={**run.steps, name: step})


def _go_on(run: Run, definition: Definition, now: float, limits: Limits) -> tuple[RunState, list[Command]]:
    """Close what is complete, begin what can begin, and end the run when its outcome is certain."""
    commands: list[Command] = []
    for name in definition.order:  # in topological order, so that one pass reaches everything
        step = run.steps[name]
        if step.status == "waiting" and all(run.steps[other].over for other in definition.spec.steps[name].after):
            step, new = begin(run, name, definition, now)
            commands += new
        if step.status == "running":
            step = close(run, name, step, definition, now)
        if step is not run.steps[name]:
            run = _with(run, name, step)
        if step.status == "failed" and not definition.spec.steps[name].optional:
            return _end(run, definition, step.error, now, limits)
    if run.steps[definition.spec.output].over:
        return _end(run, definition, run.steps[definition.spec.output].error, now, limits)
    return run, commands


def _end(
    run: Run, definition: Definition | None, error: Failure | None, now: float, limits: Limits
) -> tuple[RunState, list[Command]]:
    done = Done(digest=run.digest, forget_at=now + limits.remember)
    return done, [result(run, definition.spec if definition else None, error, now)]
