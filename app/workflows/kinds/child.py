"""`workflow`: run another workflow as a child; its answer is this step's output."""

from __future__ import annotations

import hashlib

from app.errors import ExpressionError, WorkflowError
from app.workflows.kinds.base import PassiveKind, StepContext, Transition
from app.workflows.replacing import replace
from app.workflows.run import Response
from topics.step_results import StepResult
from topics.tasks import Parent, Task

_MAX_ID = 200
#: How deep workflows may run workflows: one that runs itself must end.
_MAX_DEPTH = 20


class TooDeep(WorkflowError):
    """Workflows that run workflows are nested too deep."""

    code = "too_deep"


class ChildKind(PassiveKind):
    """One task, whose result is the answer. The task's id is that of the request."""

    def begin(self, ctx: StepContext) -> Transition:
        """Send the task."""
        parent = ctx.run.task.parent
        depth = parent.depth + 1 if parent else 1
        if depth > _MAX_DEPTH:
            raise TooDeep(f"step {ctx.name}: workflows that run workflows are nested more than {_MAX_DEPTH} deep")
        values = ctx.compiled.values["input"].evaluate(ctx.context())
        if not isinstance(values, dict):
            raise ExpressionError(f"step {ctx.name}: input must be an object")
        request_id = child_id(ctx)
        task = Task(
            id=request_id,
            workflow=ctx.spec.workflow,
            version=ctx.spec.version,
            priority=ctx.run.task.priority,
            tenant=ctx.run.task.tenant,
            roles=ctx.run.task.roles,
            input=values,
            deadline=ctx.expires_at,
            metadata=ctx.run.task.metadata,
            parent=Parent(
                task_id=ctx.run.task_id,
                step=ctx.name,
                request_id=request_id,
                depth=depth,
                paid=ctx.run.charged,
                models=ctx.run.models,
            ),
        )
        return ctx.running(task)

    def receive(self, ctx: StepContext, received: Response) -> Transition:
        """End with the child's answer."""
        if not isinstance(received, StepResult):
            return Transition(ctx.step)
        ctx = replace(ctx, step=replace(ctx.step, spent=ctx.step.spent + received.usage))
        return (
            ctx.failed(received.error)
            if received.error
            else ctx.succeeded(output=received.output, degraded=received.degraded)
        )


def child_id(ctx: StepContext) -> str:
    """Return the child's task id; where it would be too long, since the parent is a child too, a digest of it."""
    full = ctx.request_id("workflow")
    if len(full) <= _MAX_ID:
        return full
    return f"{full[:100]}~{hashlib.blake2b(full.encode(), digest_size=16).hexdigest()}"
