"""`connector`: call a connector."""

from __future__ import annotations

from app.errors import ExpressionError
from app.workflows.kinds.base import PassiveKind, StepContext, Transition
from app.workflows.run import Response
from topics.step_requests import StepRequest
from topics.step_results import StepResult


class ConnectorKind(PassiveKind):
    """One request, one answer."""

    def begin(self, ctx: StepContext) -> Transition:
        """Send the request."""
        arguments = ctx.compiled.values["arguments"].evaluate(ctx.context())
        if not isinstance(arguments, dict):
            raise ExpressionError(f"step {ctx.name}: arguments must be an object")
        request = StepRequest(
            id=ctx.request_id("connector"),
            task_id=ctx.run.task_id,
            step=ctx.name,
            connector=ctx.spec.connector,
            arguments=arguments,
            tenant=ctx.run.task.tenant,
            cache_for=ctx.spec.cache_for,
            expires_at=ctx.expires_at,
        )
        return ctx.running(request)

    def receive(self, ctx: StepContext, received: Response) -> Transition:
        """End with what the connector returned."""
        if not isinstance(received, StepResult):
            return Transition(ctx.step)
        return ctx.failed(received.error) if received.error else ctx.succeeded(output=received.output)
