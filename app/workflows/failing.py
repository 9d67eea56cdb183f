"""What becomes of a step that fails: another attempt, something in its place, or a failure."""

from __future__ import annotations

import random

from app.backoff import full_jitter
from app.errors import WorkflowError
from app.workflows.kinds.asking import standing
from app.workflows.kinds.base import Moment
from app.workflows.replacing import replace
from app.workflows.run import StepRun
from topics.base import Failure

#: Errors that may pass by themselves, where a step's `retry` does not name others.
PASSING = frozenset(
    {
        "timeout",
        "rate_limited",
        "overloaded",
        "unavailable",
        "batch_expired",
        "batch_failed",
        "retrieval",
        "connector_unavailable",
        "deadline_exceeded",
        "invalid_output",
        "quorum_not_met",
        "internal",
    }
)


def failing(at: Moment) -> StepRun:
    """Return what becomes of a step that has just failed."""
    retry, fallback, code = at.spec.retry, at.spec.fallback, at.step.error.code if at.step.error else ""
    if at.step.attempt < retry.attempts and code in (retry.on or PASSING) and at.now < at.run.deadline:
        return _again(at)
    if fallback is None:
        return at.step
    return replace(at.step, status="falling_back", wake_at=at.run.deadline) if fallback.step else _with_value(at)


def relieved(at: Moment) -> StepRun:
    """Return a step that is falling back as it ends, with what stands in for it; the same while that is not over."""
    other: str = at.spec.fallback.step
    state = at.state(other)
    if state.status == "succeeded":
        why = f"{other} stood in for it, as it failed: {_message(at.step)}"
        ended = replace(at.step, status="succeeded", ended_at=at.now, reason=why)
        return replace(ended, output=state.output, chunks=state.chunks)
    if state.over or at.now >= at.run.deadline:
        return replace(at.step, status="failed", ended_at=at.now)
    return at.step


def _again(at: Moment) -> StepRun:
    """Return the step as it waits for its next attempt."""
    retry, step = at.spec.retry, at.step
    seed = f"{at.run.task_id}/{at.name}/{step.attempt}"
    rng = random.Random(seed)  # noqa: S311  # drawn from the run itself, so that a replay waits as long
    delay = full_jitter(step.attempt - 1, base=retry.backoff, cap=retry.max_backoff, rng=rng)
    return StepRun(
        status="backing_off",
        attempt=step.attempt + 1,
        started_at=step.started_at,
        wake_at=at.now + delay,
        unawaited=step.unawaited | step.outstanding,
        spent=step.usage,
        said=standing(at),
        error=step.error,
    )


def _with_value(at: Moment) -> StepRun:
    why = f"a value stands in for it, as it failed: {_message(at.step)}"
    try:
        value = at.part.values["fallback.value"].evaluate(at.context())
    except WorkflowError as error:
        return replace(at.step, error=Failure.of(error))
    return replace(at.step, status="succeeded", output=value, reason=why)


def _message(step: StepRun) -> str:
    return step.error.message if step.error else ""
