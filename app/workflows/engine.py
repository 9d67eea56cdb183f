"""The workflow engine: one pure function.

`advance` takes a run's state and one event, and returns the new state and the events that follow. It reads no
clock, draws no random numbers and does no I/O: the time comes in as `now`, all else that it may know as `engine`,
and every id is a function of task, step, branch and attempt. So repeating an event repeats the same commands under
the same ids.

An event that concerns steps makes a `Turn`, which the functions here prepare and `advance` runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import (
    Cancelled,
    DeadlineExceeded,
    InvalidEvent,
    InvalidInput,
    NotApproved,
    UnknownWorkflow,
    WorkflowError,
)
from app.timestamps import format_time
from app.workflows.budgets.client import applying, awaits, charge_late, funded, out_of_time, request_id, reserve
from app.workflows.completion import complete
from app.workflows.definition.definitions import Definition
from app.workflows.engine_context import EngineContext, EngineLimits
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
from topics.tasks import Approval, Task

#: How often a task looks for its workflow while that is not known (seconds).
_LOOKUP_INTERVAL = 0.25
_NO_SLOT = "the run's deadline passed while it waited for a slot of its workflow's concurrency limit"


@dataclass(frozen=True, slots=True)
class TaskReceived:
    """A task was received; `task_id` is its own or the one it was given, `offset` its place in its partition.

    `warnings` are for its result.
    """

    task_id: str
    task: Task
    traceparent: str | None = None
    offset: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


RunEvent = Response | Signal | Tick
EngineInput = TaskReceived | RunEvent
#: The state after an event, and what follows from it.
Decided = tuple[RunState | None, list[Command]]


def advance(state: RunState | None, event: EngineInput, engine: EngineContext, now: float) -> Decided:
    """Return the state after `event`, and what follows from it.

    An event that changes nothing returns the same state object. `now` is in epoch seconds.

    Raises:
        InvalidEvent: another task with this id, but other content, is known.
    """
    following: Turn | Decided
    if isinstance(event, TaskReceived):
        following = _accept(state, event, engine, now)
    elif isinstance(state, Done) and state.unpaid and not isinstance(event, Signal | Tick):
        following = charge_late(state, event)
    elif not isinstance(state, Run):
        following = state, []
    elif isinstance(event, Signal) and event.kind == "cancel":
        following = _cancel(state, event, engine, now)
    elif isinstance(event, Signal) and event.kind != "signal":
        following = _on_approval(state, event, engine, now)
    elif state.version:
        following = _resume(state, event, engine, now)
    elif isinstance(event, Tick):
        following = _start(state, engine, now)
    else:
        following = _keep_early_event(state, event), []
    return _run_turn(following) if isinstance(following, Turn) else following


def _accept(state: RunState | None, event: TaskReceived, engine: EngineContext, now: float) -> Turn | Decided:
    """Make a run of a task, and start it; a repetition of a known task changes nothing."""
    content = digest(event.task)
    if isinstance(state, (Run, Done)):
        if state.digest != content:
            message = f"another task with the id {event.task_id} and other content was received before"
            raise InvalidEvent("duplicate_id", message)
        return state, []
    run = Run(
        task_id=event.task_id,
        task=event.task,
        digest=content,
        accepted_at=now,
        deadline=now + engine.limits.lookup,
        turn=event.offset,
        models=event.task.parent.models if event.task.parent else None,
        traceparent=event.traceparent,
        warnings=event.warnings,
    )
    return _start(run, engine, now)


def _start(run: Run, engine: EngineContext, now: float) -> Turn | Decided:
    """Look the workflow up, and ask for admission; while the workflow is not deployed, try again soon."""
    wanted, version = run.task.workflow, run.version or run.task.version
    try:
        definition = engine.definitions.get(wanted, version) if version else engine.definitions.latest(wanted)
    except UnknownWorkflow as error:
        if now < run.deadline:
            return replace(run, look_at=min(now + _LOOKUP_INTERVAL, run.deadline)), []
        return complete(run, None, Failure.of(error), engine, now)
    run = replace(run, version=definition.spec.version)
    try:
        run = replace(run, deadline=_deadline(run, definition, engine.limits, now))
        if run.task.approval and not run.approval:
            return _await_approval(run, run.task.approval, engine.limits), []
        return acquire(run, definition) if definition.slot_key else _admit(run, definition, engine, now)
    except WorkflowError as error:
        return complete(run, definition, Failure.of(error), engine, now)


def _deadline(run: Run, definition: Definition, limits: EngineLimits, now: float) -> float:
    """Return the deadline of a task whose workflow is found (epoch seconds).

    Raises:
        InvalidInput: the input is not valid against the workflow's schema.
        DeadlineExceeded: the task's own deadline has passed.
    """
    spec = definition.spec
    if definition.input and (wrong := definition.input.complaint(run.task.input)):
        raise InvalidInput(f"input: {wrong}; see the input schema of the workflow {spec.id}")
    latest = run.accepted_at + limits.max_run
    if run.task.deadline is None:
        began = now if run.approval else run.accepted_at  # waiting for somebody takes no time of the work
        return min(began + spec.deadline, latest)
    deadline = min(run.task.deadline.timestamp(), latest)
    if deadline <= now:
        raise DeadlineExceeded(
            f"the task's deadline, {format_time(run.task.deadline)}, had passed when it was received"
        )
    return deadline


def _await_approval(run: Run, wanted: Approval, limits: EngineLimits) -> Run:
    """Have a run wait for its approval until that is too late."""
    ends = [run.accepted_at + wanted.seconds, run.accepted_at + limits.max_run]
    if run.task.deadline:
        ends.append(run.task.deadline.timestamp())
    return replace(run, approval="awaited", deadline=min(ends))


def _on_approval(run: Run, event: Signal, engine: EngineContext, now: float) -> Turn | Decided:
    """Begin a run that waits for its approval, or end it; whoever sent the task cannot approve it."""
    wanted = run.task.approval
    if run.approval == "given" or not wanted or (wanted.requested_by and event.actor == wanted.requested_by):
        return run, []
    if event.kind == "approve":
        return _start(replace(run, approval="given"), engine, now)
    message = f"{event.actor or 'somebody'} rejected the task, which the policy {wanted.policy} wanted to be approved"
    error = NotApproved(f"{message}: {event.name}" if event.name else message)
    return complete(run, _definition_of(run, engine), Failure.of(error), engine, now)


def _unapproved(run: Run, engine: EngineContext, now: float) -> Decided:
    policy = run.task.approval.policy if run.task.approval else ""
    error = NotApproved(f"nobody approved the task in time, which the policy {policy} wants: send it again")
    return complete(run, _definition_of(run, engine), Failure.of(error), engine, now)


def _admit(run: Run, definition: Definition, engine: EngineContext, now: float) -> Turn | Decided:
    """Ask the next budget for money; with money of all, the steps can begin."""
    budgets = applying(run.task, engine.budgets)
    if budgets and (reserving := reserve(run, definition, budgets)):
        waiting, _ = reserving
        early = waiting.early.get(request_id(waiting))
        return _on_reservation(waiting, early.result, definition, engine, now) if early and early.result else reserving
    turn = Turn(run, definition, engine, now)
    if run.slot or run.paid:
        turn.touch_all()  # a crash may have left steps that began before this was written
    return turn


def _on_reservation(
    run: Run, answer: StepResult, definition: Definition, engine: EngineContext, now: float
) -> Turn | Decided:
    """Go on when a budget has given money, or end the run when it has not."""
    if answer.error:
        return complete(run, definition, answer.error, engine, now)
    return _admit(funded(run, answer), definition, engine, now)


def _cancel(run: Run, event: Signal, engine: EngineContext, now: float) -> Decided:
    message = f"{event.actor} cancelled it" if event.actor else "it was cancelled"
    error = Cancelled(f"{message}: {event.name}" if event.name else message)
    return complete(run, _definition_of(run, engine), Failure.of(error), engine, now)


def _definition_of(run: Run, engine: EngineContext) -> Definition | None:
    """Return the workflow of a run that ends; None if it is not known any more."""
    try:
        return engine.definitions.get(run.task.workflow, run.version)
    except UnknownWorkflow:
        return None


def _resume(run: Run, event: RunEvent, engine: EngineContext, now: float) -> Turn | Decided:
    """Give an event to a run whose workflow is known."""
    try:
        definition = engine.definitions.get(run.task.workflow, run.version)
    except UnknownWorkflow as error:
        return complete(run, None, Failure.of(error), engine, now)
    if run.approval == "awaited":
        return (_keep_early_event(run, event), []) if now < run.deadline else _unapproved(run, engine, now)
    if run.slot == "asked" or run.budget:
        return _await_admission(run, event, definition, engine, now)
    return _continue(run, event, definition, engine, now)


def _await_admission(
    run: Run, event: RunEvent, definition: Definition, engine: EngineContext, now: float
) -> Turn | Decided:
    """Go on when the run gets its slot, or the money that it has asked for; end it when its time is over."""
    if isinstance(event, StepResult) and event.id == f"{run.task_id}/slot" and run.slot == "asked":
        return _admit(replace(run, slot="held"), definition, engine, now)
    if isinstance(event, StepResult) and run.budget and event.id == request_id(run):
        return _on_reservation(run, event, definition, engine, now)
    if now >= run.deadline:
        error = out_of_time(run) if run.budget else DeadlineExceeded(_NO_SLOT)
        return complete(run, definition, Failure.of(error), engine, now)
    return _keep_early_event(run, event), []


def _continue(run: Run, event: RunEvent, definition: Definition, engine: EngineContext, now: float) -> Turn | Decided:
    if isinstance(event, Signal):
        kept = _keep_early_event(run, event)
        if kept is run:
            return run, []
        turn = Turn(kept, definition, engine, now)
        turn.touch(*sorted(run.active))
        return turn
    if isinstance(event, Tick):
        turn = Turn(run, definition, engine, now)
        turn.touch_all()
        return turn
    step = run.steps.get(event.step, WAITING)
    if event.id in step.unawaited:
        return _charge(run, step, event), []
    if event.id not in step.outstanding:
        return (_keep_early_event(run, event) if definition.step(event.step) else run), []
    turn = Turn(run, definition, engine, now)
    turn.receive(event)
    return turn


def _keep_early_event(run: Run, event: RunEvent) -> Run:
    """Keep what is received before the step that waits for it: a signal, the first of its name, or an answer."""
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
    """Whether a step has had this answer, or does not need it any more."""
    step = run.steps.get(received.step, WAITING)
    if isinstance(received, ModelResponse) and received.ticket and superseded(step, received.id):
        return True
    return step.over or any(response.id == received.id for response in (*step.responses, *step.replies))


def _charge(run: Run, step: StepRun, late: Response) -> Run:
    """Count what an answer has cost that was received too late to count otherwise."""
    usage = Usage() if isinstance(late, RetrievalResult) else late.usage
    if usage == Usage():
        return run
    step = replace(step, unawaited=step.unawaited - {late.id}, spent=step.spent + usage)
    return replace(run, steps={**run.steps, late.step: step})


def _run_turn(turn: Turn) -> Decided:
    """Let the turn's steps go on as far as they can, and end the run when nothing more can happen in it."""
    turn.work()
    run, error = turn.result(), turn.error
    if not error and run.active and turn.now < run.deadline:
        return run, [*turn.commands, *turn.child_cancellations]
    if not error and not turn.state(turn.definition.answer).over:
        error = Failure.of(
            DeadlineExceeded("the run's deadline passed before its answer was there")
            if run.active
            else WorkflowError("no step leads to the step that gives the answer")
        )
    done, commands = complete(run, turn.definition, error, turn.engine, turn.now)
    return done, [*commands, *turn.child_cancellations]
