"""`workflow`: run another workflow as a child; its answer is this step's output."""

from __future__ import annotations

import hashlib

from app.errors import ExpressionError, WorkflowError
from app.workflows.kinds.base import Moment, Move, Still
from app.workflows.replacing import replace
from app.workflows.run import Fact
from topics.step_results import StepResult
from topics.tasks import Parent, Task

_MAX_ID = 200
#: A workflow that runs itself without end must come to one.
_MAX_DEPTH = 20


class TooDeep(WorkflowError):
    """Workflows run workflows that run workflows, without end."""

    code = "too_deep"


class ChildKind(Still):
    """One task, whose end comes back as an answer. The task's id is that of the request."""

    def begin(self, at: Moment) -> Move:
        """Send the task."""
        parent = at.run.task.parent
        depth = parent.depth + 1 if parent else 1
        if depth > _MAX_DEPTH:
            raise TooDeep(f"step {at.name}: {_MAX_DEPTH} generations of workflows that run workflows are the most")
        values = at.part.values["input"].evaluate(at.context())
        if not isinstance(values, dict):
            raise ExpressionError(f"step {at.name}: input must be an object")
        request_id = child_id(at)
        task = Task(
            id=request_id,
            workflow=at.spec.workflow,
            version=at.spec.version,
            priority=at.run.task.priority,
            tenant=at.run.task.tenant,
            input=values,
            deadline=at.expires_at,
            metadata=at.run.task.metadata,
            parent=Parent(
                task_id=at.run.task_id,
                step=at.name,
                request_id=request_id,
                depth=depth,
                paid=at.run.charged,
                models=at.run.models,
            ),
        )
        return at.running(task)

    def receive(self, at: Moment, fact: Fact) -> Move:
        """End with the child's answer."""
        if not isinstance(fact, StepResult):
            return Move(at.step)
        at = replace(at, step=replace(at.step, spent=at.step.spent + fact.usage))
        return at.failed(fact.error) if fact.error else at.succeeded(output=fact.output, degraded=fact.degraded)


def child_id(at: Moment) -> str:
    """Return the child's task id; deep in a family, where names would become too long, a digest of it."""
    full = at.request_id("workflow")
    if len(full) <= _MAX_ID:
        return full
    return f"{full[:100]}~{hashlib.blake2b(full.encode(), digest_size=16).hexdigest()}"
