"""What happens to a step that fails: another attempt, a fallback, or a failure."""

from __future__ import annotations

import random

from app.backoff import full_jitter
from app.errors import WorkflowError
from app.workflows.kinds.ask_requests import partial_answer
from app.workflows.kinds.base import StepContext
from app.workflows.replacing import replace
from app.workflows.run import StepRun
from topics.base import Failure

#: The error codes that are retried, where a step's `retry` does not name others.
RETRYABLE = frozenset(
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


def on_failure(ctx: StepContext) -> StepRun:
    """Return the next state of a step that has just failed."""
    retry, fallback, code = ctx.spec.retry, ctx.spec.fallback, ctx.step.error.code if ctx.step.error else ""
    if ctx.step.attempt < retry.attempts and code in (retry.on or RETRYABLE) and ctx.now < ctx.run.deadline:
        return _backed_off(ctx)
    if fallback is None:
        return ctx.step
    return replace(ctx.step, status="falling_back", wake_at=ctx.run.deadline) if fallback.step else _with_value(ctx)


def on_fallback_ended(ctx: StepContext) -> StepRun:
    """Return the end of a step that is falling back, by that of its stand-in; the same while that is not over."""
    other: str = ctx.spec.fallback.step
    state = ctx.state(other)
    if state.status == "succeeded":
        why = f"it failed, and {other} stood in for it: {_message(ctx.step)}"
        ended = replace(ctx.step, status="succeeded", ended_at=ctx.now, reason=why)
        return replace(ended, output=state.output, chunks=state.chunks)
    if state.over or ctx.now >= ctx.run.deadline:
        return replace(ctx.step, status="failed", ended_at=ctx.now)
    return ctx.step


def _backed_off(ctx: StepContext) -> StepRun:
    """Return the step when it waits for its next attempt."""
    retry, step = ctx.spec.retry, ctx.step
    seed = f"{ctx.run.task_id}/{ctx.name}/{step.attempt}"
    rng = random.Random(seed)  # noqa: S311  # seeded by the run itself, so that a replay waits as long
    delay = full_jitter(step.attempt - 1, base=retry.backoff, cap=retry.max_backoff, rng=rng)
    return StepRun(
        status="backing_off",
        attempt=step.attempt + 1,
        started_at=step.started_at,
        wake_at=ctx.now + delay,
        unawaited=step.unawaited | step.outstanding,
        spent=step.usage,
        said=partial_answer(ctx),
        error=step.error,
    )


def _with_value(ctx: StepContext) -> StepRun:
    why = f"it failed, and a value stands in for it: {_message(ctx.step)}"
    try:
        value = ctx.compiled.values["fallback.value"].evaluate(ctx.context())
    except WorkflowError as error:
        return replace(ctx.step, error=Failure.of(error))
    return replace(ctx.step, status="succeeded", output=value, reason=why)


def _message(step: StepRun) -> str:
    return step.error.message if step.error else ""
