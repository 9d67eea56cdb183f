"""Closing a step: when its outcome is certain, or its time is over, its candidates become one answer."""

from __future__ import annotations

from dataclasses import replace

from app.errors import DeadlineExceeded, InvalidEvent, QuorumNotMet
from app.fusion.base import Candidate
from app.vectors import Vector, decode
from app.workflows.definitions import Definition
from app.workflows.run import Answer, Run, StepRun
from app.workflows.spec import RetrieveStep
from topics.base import Failure


def close(run: Run, name: str, step: StepRun, definition: Definition, now: float) -> StepRun:
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
    return Failure.of(QuorumNotMet(f"{got} of {step.asked} models answered in step {name} ({said})"))


def _timed_out(run: Run, name: str, now: float) -> Failure:
    whose = "the run's deadline" if now >= run.deadline else "its time-out"
    return Failure.of(DeadlineExceeded(f"step {name} was not done by {whose}"))
