"""The workflow engine: one pure function.

`advance` takes a run's state and one event, and returns the new state and the events that follow. It reads
no clock, draws no lots and does no I/O: time comes in as `now`, all else that it knows as `world`, and every
id is a function of task, step, branch and attempt. So repeating an event repeats the same commands under the
same ids.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import Cancelled, DeadlineExceeded, InvalidEvent, InvalidInput, UnknownWorkflow, WorkflowError
from app.workflows.budgets.client import awaits, funded, out_of_time, overdue, request_id, reserve
from app.workflows.completion import complete
from app.workflows.definition.definitions import Definition
from app.workflows.engine_context import EngineContext
from app.workflows.kinds.base import Command
from app.workflows.kinds.batch_polling import superseded
from app.workflows.replacing import replace
from app.workflows.run import WAITING, Done, EarlyResponse, Response, Run, RunState, StepRun, digest
from app.workflows.semaphores import acquire
from app.workflows.turn import Turn
from topics.base import Failure
from topics.model_responses import ModelResponse, Usage
from topics.retrieval_results import RetrievalResult
from topics.signals import Signal
from topics.step_results import StepResult
from topics.tasks import Task

#: How often a task looks for its workflow while that is not known (seconds).
_LOOKUP_INTERVAL = 0.25
_NOT_ADMITTED = "the run's turn had not come by its deadline: others of its kind were under way"


@dataclass(frozen=True, slots=True)
class TaskReceived:
    """A task came, whose id is settled; `turn` counts the tasks of its partition."""

    task_id: str
    task: Task
    traceparent: str | None = None
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


RunEvent = Response | Signal | Tick
EngineInput = TaskReceived | RunEvent


def advance(
    state: RunState | None, event: EngineInput, engine: EngineContext, now: float
) -> tuple[RunState | None, list[Command]]:
    """Return the state after `event`, and what follows from it.

    An event that changes nothing returns the same state object. `now` is in epoch seconds.

    Raises:
        InvalidEvent: another task with this id, but other content, is known.
    """
    if isinstance(event, TaskReceived):
        return _start_run(state, event, engine, now)
    if not isinstance(state, Run):
        return _after_end(state, event)
    if isinstance(event, Signal) and event.kind == "cancel":
        return _cancel(state, event, engine, now)
    if state.version == 0:
        return _find_workflow(state, engine, now) if isinstance(event, Tick) else (_keep_early_event(state, event), [])
    try:
        definition = engine.definitions.get(state.task.workflow, state.version)
    except UnknownWorkflow as error:
        return complete(state, None, Failure.of(error), engine, now)
    go_on = _await_admission if state.slot == "asked" or state.budget else _continue
    return go_on(state, event, definition, engine, now)


def _after_end(state: RunState | None, event: RunEvent) -> tuple[RunState | None, list[Command]]:
    """Only its budgets care for an answer when a run has ended."""
    if isinstance(state, Done) and state.unpaid and not isinstance(event, Signal | Tick):
        return overdue(state, event)
    return state, []


def _cancel(run: Run, event: Signal, engine: EngineContext, now: float) -> tuple[RunState, list[Command]]:
    said = f"{event.actor} cancelled it" if event.actor else "it was cancelled"
    error = Cancelled(f"{said}: {event.name}" if event.name else said)
    try:
        definition = engine.definitions.get(run.task.workflow, run.version)
    except UnknownWorkflow:
        definition = None
    return complete(run, definition, Failure.of(error), engine, now)


def _start_run(
    state: RunState | None, event: TaskReceived, engine: EngineContext, now: float
) -> tuple[RunState | None, list[Command]]:
    mark = digest(event.task)
    if isinstance(state, (Run, Done)):
        if state.digest != mark:
            raise InvalidEvent(
                "duplicate_id", f"another task with the id {event.task_id} and other content came before"
            )
        return state, []
    run = Run(
        task_id=event.task_id,
        task=event.task,
        digest=mark,
        accepted_at=now,
        deadline=now + engine.limits.patience,
        turn=event.turn,
        models=event.task.parent.models if event.task.parent else None,
        traceparent=event.traceparent,
    )
    return _find_workflow(run, engine, now)


def _find_workflow(run: Run, engine: EngineContext, now: float) -> tuple[RunState, list[Command]]:
    """Look for the workflow, and begin; while it is not known, wait a little: its deployment may be under way."""
    wanted, version = run.task.workflow, run.task.version
    try:
        definition = engine.definitions.get(wanted, version) if version else engine.definitions.latest(wanted)
    except UnknownWorkflow as error:
        if now < run.deadline:
            return replace(run, look_at=min(now + _LOOKUP_INTERVAL, run.deadline)), []
        return complete(run, None, Failure.of(error), engine, now)
    try:
        return _begin(run, definition, engine, now)
    except WorkflowError as error:
        return complete(replace(run, version=definition.spec.version), definition, Failure.of(error), engine, now)


def _begin(run: Run, definition: Definition, engine: EngineContext, now: float) -> tuple[RunState, list[Command]]:
    """Settle version and deadline, and begin the first steps, or get in line.

    Raises:
        WorkflowError: the task cannot be run.
    """
    spec = definition.spec
    if definition.input and (wrong := definition.input.complaint(run.task.input)):
        raise InvalidInput(f"input: {wrong}; see the input schema of the workflow {spec.id}")
    deadline = run.accepted_at + min(spec.deadline, engine.limits.max_run)
    if run.task.deadline is not None:
        deadline = min(run.task.deadline.timestamp(), run.accepted_at + engine.limits.max_run)
        if deadline <= now:
            raise DeadlineExceeded(f"the task's deadline, {run.task.deadline.isoformat()}, had passed when it came")
    run = replace(run, version=spec.version, deadline=deadline)
    if definition.slot_key:
        return acquire(run, definition)
    return _fund(run, definition, engine, now)


def _fund(run: Run, definition: Definition, engine: EngineContext, now: float) -> tuple[RunState, list[Command]]:
    """Begin, or ask the next budget for money."""
    if engine.budgets and (asked := reserve(run, definition, engine.budgets)):
        early = asked[0].early.get(request_id(asked[0]))
        return _money(asked[0], early.result, definition, engine, now) if early and early.result else asked
    turn = Turn(run, definition, engine, now)
    if run.slot or run.paid:
        turn.touch_all()  # a crash may have left steps that began before this was written
    return _work(turn)


def _money(
    run: Run, answer: StepResult, definition: Definition, engine: EngineContext, now: float
) -> tuple[RunState, list[Command]]:
    """Go on, or end, as the budget has answered that was asked."""
    if answer.error:
        return complete(run, definition, answer.error, engine, now)
    return _fund(funded(run, answer), definition, engine, now)


def _await_admission(
    run: Run, event: RunEvent, definition: Definition, engine: EngineContext, now: float
) -> tuple[RunState, list[Command]]:
    """Begin when the run's turn has come, and there is money for it."""
    if isinstance(event, StepResult) and event.id == f"{run.task_id}/slot" and run.slot == "asked":
        return _fund(replace(run, slot="held"), definition, engine, now)
    if isinstance(event, StepResult) and run.budget and event.id == request_id(run):
        return _money(run, event, definition, engine, now)
    if now >= run.deadline:
        late = out_of_time(run) if run.budget else DeadlineExceeded(_NOT_ADMITTED)
        return complete(run, definition, Failure.of(late), engine, now)
    return _keep_early_event(run, event), []


def _keep_early_event(run: Run, event: RunEvent) -> Run:
    """Keep what comes before the step that waits for it: a signal, the first of its name, or an answer."""
    match event:
        case Tick():
            return run
        case Signal():
            known = event.name in run.signals
            return run if known else replace(run, signals={**run.signals, event.name: event.payload})
        case _:
            known = not (event.step or awaits(run, event)) or event.id in run.early or _is_known(run, event)
            return run if known else replace(run, early={**run.early, event.id: EarlyResponse.of(event)})


def _is_known(run: Run, received: Response) -> bool:
    """Whether a step has had this answer, or needs it no more."""
    step = run.steps.get(received.step, WAITING)
    if isinstance(received, ModelResponse) and received.ticket and superseded(step, received.id):
        return True
    return step.over or any(response.id == received.id for response in (*step.responses, *step.replies))


def _continue(
    run: Run, event: RunEvent, definition: Definition, engine: EngineContext, now: float
) -> tuple[RunState, list[Command]]:
    if isinstance(event, Signal):
        kept = _keep_early_event(run, event)
        if kept is run:
            return run, []
        turn = Turn(kept, definition, engine, now)
        turn.touch(*sorted(run.active))
    elif isinstance(event, Tick):
        turn = Turn(run, definition, engine, now)
        turn.touch_all()
    else:
        step = run.steps.get(event.step, WAITING)
        if event.id in step.unawaited:
            return _charge(run, step, event), []
        if event.id not in step.outstanding:
            return (_keep_early_event(run, event) if definition.part(event.step) else run), []
        turn = Turn(run, definition, engine, now)
        turn.receive(event)
    return _work(turn)


def _charge(run: Run, step: StepRun, late: Response) -> Run:
    """Count what an answer has cost that came too late to count otherwise."""
    usage = Usage() if isinstance(late, RetrievalResult) else late.usage
    if usage == Usage():
        return run
    step = replace(step, unawaited=step.unawaited - {late.id}, spent=step.spent + usage)
    return replace(run, steps={**run.steps, late.step: step})


def _work(turn: Turn) -> tuple[RunState, list[Command]]:
    """Let everything follow that follows, and end the run when nothing more can."""
    turn.work()
    run, definition, now = turn.result(), turn.definition, turn.now
    error = turn.error
    if not error and run.active and now < run.deadline:
        return run, [*turn.commands, *turn.child_cancellations]
    if not error and not turn.state(definition.answer).over:
        error = _unanswered(run)
    done, commands = complete(run, definition, error, turn.engine, now)
    return done, [*commands, *turn.child_cancellations]


def _unanswered(run: Run) -> Failure:
    """Return why a run ends before its answer is there."""
    if run.active:
        return Failure.of(DeadlineExceeded("the run's deadline passed before its answer was there"))
    return Failure.of(WorkflowError("nothing leads to the step that gives the answer"))
