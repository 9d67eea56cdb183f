"""The workflow engine: one pure function.

`advance` takes a run's state and one event, and returns the new state and the events that follow. It reads
no clock, draws no lots and does no I/O: time comes in as `now`, and every id is a function of task, step,
branch and attempt. So repeating an event repeats the same commands under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app.errors import DeadlineExceeded, InvalidEvent, OrchestratorError, QuorumNotMet, UnknownWorkflow, WorkflowError
from app.fusion.base import Candidate
from app.vectors import Vector, decode
from app.workflows.definitions import Definition, Definitions
from app.workflows.report import result
from app.workflows.run import Answer, Done, Run, RunState, StepRun, digest
from app.workflows.spec import AskStep, RetrieveStep
from topics.base import Failure
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
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
Command = RetrievalRequest | ModelRequest | Result


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
        return _end(changed, None, _failure(error), now, limits)
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
        return _end(run, None, _failure(error), now, limits)
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
            step, new = _start(run, name, definition, now)
            commands += new
        if step.status == "running":
            step = _close(run, name, step, definition, now)
        if step is not run.steps[name]:
            run = _with(run, name, step)
        if step.status == "failed" and not definition.spec.steps[name].optional:
            return _end(run, definition, step.error, now, limits)
    if run.steps[definition.spec.output].over:
        return _end(run, definition, run.steps[definition.spec.output].error, now, limits)
    return run, commands


def _start(run: Run, name: str, definition: Definition, now: float) -> tuple[StepRun, list[Command]]:
    spec = definition.spec.steps[name]
    ends_at = min(now + spec.timeout, run.deadline)
    try:
        new = list(_requests(run, name, definition, datetime.fromtimestamp(ends_at, UTC)))
    except WorkflowError as error:
        return StepRun(status="failed", started_at=now, ended_at=now, error=_failure(error)), []
    ids = frozenset(request.id for request in new)
    started = StepRun(status="running", started_at=now, ends_at=ends_at, asked=len(ids), outstanding=ids)
    return started, [*new]


def _requests(
    run: Run, name: str, definition: Definition, expires_at: datetime
) -> Iterator[RetrievalRequest | ModelRequest]:
    spec = definition.spec.steps[name]
    context = _context(run)
    if isinstance(spec, RetrieveStep):
        yield RetrievalRequest(
            id=f"{run.task_id}/{name}",
            task_id=run.task_id,
            step=name,
            query=definition.prompts[name, "query"].render(context),
            limit=spec.limit,
            collection=spec.collection,
            expires_at=expires_at,
        )
        return
    roles = (("system", "system"), ("prompt", "user"))
    messages = tuple(
        Message.model_validate({"role": role, "content": definition.prompts[name, field].render(context)})
        for field, role in roles
        if (name, field) in definition.prompts
    )
    for model in _choose(run, spec, definition.policies[name]):
        yield ModelRequest(
            id=f"{run.task_id}/{name}/{quote(model, safe=':')}/1",  # a slash would make two readings of one id
            task_id=run.task_id,
            step=name,
            branch=model,
            model=model,
            messages=messages,
            sampling=spec.sampling,
            embed=definition.strategies[name].needs_embeddings and len(spec.models) > 1,
            expires_at=expires_at,
        )


def _choose(run: Run, spec: AskStep, policy: Any) -> tuple[str, ...]:
    count = spec.routing.choose or len(spec.models)
    chosen: tuple[str, ...] = policy.choose(
        spec.models, count=count, key=run.task_id, weights=spec.routing.weights
    ).models
    return chosen


def _context(run: Run) -> Mapping[str, Any]:
    """Return what prompt templates can name: `input`, and of each finished step its `chunks` and `answer`."""
    steps = {
        name: {"chunks": step.chunks, "answer": step.answer.text if step.answer else None, "failed": step.error}
        for name, step in run.steps.items()
    }
    return {"input": run.task.input, "steps": steps}


def _close(run: Run, name: str, step: StepRun, definition: Definition, now: float) -> StepRun:
    """End a running step if its outcome is certain or its time is over."""
    late = now >= step.ends_at
    spec = definition.spec.steps[name]
    if isinstance(spec, RetrieveStep):
        return replace(step, status="failed", ended_at=now, error=_timed_out(run, name, now)) if late else step
    candidates = _candidates(step)
    strategy = definition.strategies[name]
    enough = bool(candidates) and len(candidates) >= min(spec.fusion.quorum, step.asked)
    try:
        settled = enough and strategy.decided(candidates, len(step.outstanding))
        if not (settled or late or not step.outstanding):
            return step
        if not enough:
            error = _why_too_few(run, name, step, len(candidates), now)
            return replace(step, status="failed", ended_at=now, error=error)
        fused = strategy.fuse(candidates, order=spec.models)
    except Exception as fault:  # noqa: BLE001  # a third party's strategy must not stop the worker
        error = Failure(code="fusion", message=f"the strategy {spec.fusion.strategy} raised {type(fault).__name__}")
        return replace(step, status="failed", ended_at=now, error=error)
    answer = Answer(fused.text, fused.branch, fused.agreement, fused.reason)
    return replace(step, status="succeeded", ended_at=now, answer=answer)


def _candidates(step: StepRun) -> list[Candidate]:
    return [
        Candidate(branch=response.branch, text=response.text, embedding=_vector(response.embedding))
        for response in step.responses
        if response.error is None
    ]


def _vector(text: str | None) -> Vector | None:
    """Return the embedding; none when it is malformed, since an answer is worth more than its embedding."""
    try:
        return decode(text) if text else None
    except InvalidEvent:
        return None


def _why_too_few(run: Run, name: str, step: StepRun, got: int, now: float) -> Failure:
    """Name the cause: time, the one error that all models gave, or else the quorum."""
    if step.outstanding:
        return _timed_out(run, name, now)
    answered = sorted(step.responses, key=lambda response: response.branch)  # not as they happened to arrive
    errors = [response.error for response in answered if response.error]
    if errors and len({error.code for error in errors}) == 1:
        return errors[0]
    said = "; ".join(f"{error.code}: {error.message}" for error in errors)
    return _failure(QuorumNotMet(f"{got} of {step.asked} models answered in step {name} ({said})"))


def _timed_out(run: Run, name: str, now: float) -> Failure:
    whose = "the run's deadline" if now >= run.deadline else "its time-out"
    return _failure(DeadlineExceeded(f"step {name} was not done by {whose}"))


def _failure(error: OrchestratorError) -> Failure:
    return Failure(code=error.code, message=str(error))


def _end(
    run: Run, definition: Definition | None, error: Failure | None, now: float, limits: Limits
) -> tuple[RunState, list[Command]]:
    done = Done(digest=run.digest, forget_at=now + limits.remember)
    return done, [result(run, definition.spec if definition else None, error, now)]
