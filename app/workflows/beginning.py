"""Beginning a step: the requests that it makes, under ids that a repetition would give them too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app.errors import WorkflowError
from app.routing.base import Policy
from app.workflows.definitions import Definition
from app.workflows.run import Run, StepRun
from app.workflows.spec import AskStep, RetrieveStep
from topics.base import Failure
from topics.model_requests import Message, ModelRequest
from topics.retrieval_requests import RetrievalRequest

Request = RetrievalRequest | ModelRequest


def begin(run: Run, name: str, definition: Definition, now: float) -> tuple[StepRun, list[Request]]:
    """Return the step as it runs from `now` on, and its requests; a failed step when they cannot be made."""
    spec = definition.spec.steps[name]
    ends_at = min(now + spec.timeout, run.deadline)
    try:
        new = list(_requests(run, name, definition, datetime.fromtimestamp(ends_at, UTC)))
    except WorkflowError as error:
        return StepRun(status="failed", started_at=now, ended_at=now, error=Failure.of(error)), []
    ids = frozenset(request.id for request in new)
    started = StepRun(status="running", started_at=now, ends_at=ends_at, asked=len(ids), outstanding=ids)
    return started, new


def _requests(run: Run, name: str, definition: Definition, expires_at: datetime) -> Iterator[Request]:
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


def _choose(run: Run, spec: AskStep, policy: Policy) -> tuple[str, ...]:
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
