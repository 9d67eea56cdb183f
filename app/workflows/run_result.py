"""A run's result: the answer, its citations and candidates, and what each step took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

from app.workflows.definition.definitions import Definition
from app.workflows.definition.steps import AskStep
from app.workflows.kinds.tool_calls import chosen_tool_calls
from app.workflows.run import WAITING, Run, StepRun
from topics.base import Failure
from topics.model_responses import Usage
from topics.results import Candidate, Citation, Result, StepReport


def result(run: Run, definition: Definition | None, error: Failure | None, now: float) -> Result:
    """Return the outcome of a run that ends at `now`, with `error` or with the answer of its answer step."""
    answer = run.steps.get(definition.answer, WAITING) if definition else WAITING
    shown = WAITING if error else answer
    cancelled = error is not None and error.code == "cancelled"
    used = {name: step.usage for name, step in run.steps.items()}
    return Result(
        task_id=run.task_id,
        workflow=run.task.workflow,
        workflow_version=run.version or run.task.version or 1,
        status="cancelled" if cancelled else "failed" if error else "succeeded",
        answer=shown.outcome,
        tool_calls=chosen_tool_calls(shown) or None,
        citations=_citations(run) if shown.status == "succeeded" else (),
        candidates=tuple(_candidates(answer)),
        fusion=answer.fusion or _fusion(definition),
        agreement=shown.agreement,
        confidence=shown.confidence,
        groups=shown.groups,
        reason=shown.reason,
        degraded=error is None and _degraded(run),
        error=error,
        usage=sum(used.values(), start=run.ahead),
        steps=tuple(_steps(run, definition, used, now)) if definition else (),
        accepted_at=_time(run.accepted_at),
        finished_at=_time(now),
        metadata=run.task.metadata,
        tenant=run.task.tenant or None,
        warnings=run.warnings or None,
    )


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _fusion(definition: Definition | None) -> str:
    step = definition.spec.steps[definition.answer] if definition else None
    return step.fusion.strategy if isinstance(step, AskStep) else ""


def _degraded(run: Run) -> bool:
    """Whether something that was asked for is missing: an optional step, or a model's answer."""
    return any(
        step.status in {"failed", "falling_back"}
        or step.error is not None
        or step.degraded
        or any(response.error for response in step.responses)
        for step in run.steps.values()
    )


def _citations(run: Run) -> tuple[Citation, ...]:
    chunks = [chunk for step in run.steps.values() for chunk in step.chunks]
    return tuple(
        Citation(
            number=number, document_id=chunk.document_id, source=chunk.source, heading=chunk.heading, lines=chunk.lines
        )
        for number, chunk in enumerate(chunks, start=1)
    )


def _candidates(step: StepRun) -> Iterator[Candidate]:
    for response in step.responses:
        yield Candidate(
            branch=response.branch,
            model=response.model,
            text=response.text,
            chosen=bool(step.branch) and step.branch == response.branch and response.error is None,
            usage=response.usage,
            seconds=response.seconds,
            error=response.error,
            reasoning=response.reasoning or None,
            tool_calls=response.tool_calls or None,
            downgraded=response.downgraded or None,
            repaired=response.repaired,
            finish_reason=response.finish_reason or None,
            logprobs=response.logprobs,
        )


def _steps(run: Run, definition: Definition, used: Mapping[str, Usage], now: float) -> Iterator[StepReport]:
    """Yield what each step of the workflow took; the items of a map count to the map."""
    total = dict(used)
    for name, usage in used.items():
        base, item, _ = name.partition("[")
        if item:
            total[base] = total.get(base, Usage()) + usage
    for name in definition.order:
        step = run.steps.get(name, WAITING)
        yield StepReport(
            step=name,
            kind=definition.spec.steps[name].kind,
            status=_status(step),
            started_at=_time(step.started_at) if step.started_at else None,
            seconds=round((step.ended_at or now) - step.started_at, 6) if step.started_at else 0.0,
            usage=total.get(name, step.spent),
            attempts=step.attempt,
            reason=step.reason,
            error=step.error,
        )


def _status(step: StepRun) -> Literal["succeeded", "failed", "skipped"]:
    if step.status == "succeeded":
        return "succeeded"
    return "failed" if step.status == "failed" else "skipped"
