"""Making a run's result: the answer, where it comes from, and what each step took."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import Literal

from app.workflows.run import Run, StepRun
from app.workflows.spec import AskStep, Workflow
from topics.base import Failure
from topics.model_responses import Usage
from topics.results import Candidate, Citation, Result, StepReport


def result(run: Run, spec: Workflow | None, error: Failure | None, now: float) -> Result:
    """Return the outcome of a run that ends at `now`, with `error` or with the answer of its output step."""
    output = run.steps[spec.output] if spec else StepRun()
    steps = tuple(_step(name, step, spec, now) for name, step in run.steps.items() if spec)
    answer = None if error else output.answer
    return Result(
        task_id=run.task_id,
        workflow=run.task.workflow,
        workflow_version=run.version,
        status="failed" if error else "succeeded",
        answer=answer.text if answer else None,
        citations=_citations(run) if answer else (),
        candidates=_candidates(output),
        fusion=_fusion(spec),
        agreement=answer.agreement if answer else None,
        reason=answer.reason if answer else "",
        degraded=_degraded(run),
        error=error,
        usage=_total(step.usage for step in steps),
        steps=steps,
        accepted_at=_time(run.accepted_at),
        finished_at=_time(now),
        metadata=run.task.metadata,
    )


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _total(usages: Iterable[Usage]) -> Usage:
    return reduce(add, usages, Usage())


def _fusion(spec: Workflow | None) -> str:
    step = spec.steps[spec.output] if spec else None
    return step.fusion.strategy if isinstance(step, AskStep) else ""


def _degraded(run: Run) -> bool:
    """Whether something that was asked for is missing: an optional step, or a model's answer."""
    return any(
        step.status == "failed" or _cut_short(step) or any(response.error for response in step.responses)
        for step in run.steps.values()
    )


def _cut_short(step: StepRun) -> bool:
    """Whether time ended it; a fusion that was certain before needed none of the answers that were to come."""
    return step.status == "succeeded" and bool(step.outstanding) and step.ended_at >= step.ends_at


def _citations(run: Run) -> tuple[Citation, ...]:
    chunks = [chunk for step in run.steps.values() for chunk in step.chunks]
    return tuple(
        Citation(
            number=number, document_id=chunk.document_id, source=chunk.source, heading=chunk.heading, lines=chunk.lines
        )
        for number, chunk in enumerate(chunks, start=1)
    )


def _candidates(step: StepRun) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            branch=response.branch,
            model=response.model,
            text=response.text,
            chosen=step.answer is not None and step.answer.branch == response.branch,
            usage=response.usage,
            seconds=response.seconds,
            error=response.error,
        )
        for response in step.responses
    )


def _step(name: str, step: StepRun, spec: Workflow, now: float) -> StepReport:
    status: Literal["succeeded", "failed", "skipped"] = "skipped"
    if step.status in {"succeeded", "failed"}:
        status = step.status
    return StepReport(
        step=name,
        kind=spec.steps[name].kind,
        status=status,
        seconds=round((step.ended_at or now) - step.started_at, 6) if step.started_at else 0.0,
        usage=_total(response.usage for response in step.responses),
        error=step.error,
    )
