"""`connector`: have a connector do something."""

from __future__ import annotations

from app.errors import ExpressionError
from app.workflows.kinds.base import Moment, Move, Still
from app.workflows.run import Fact
from topics.step_requests import StepRequest
from topics.step_results import StepResult


class ConnectorKind(Still):
    """One request, one answer."""

    def begin(self, at: Moment) -> Move:
        """Send the request."""
        arguments = at.part.values["arguments"].evaluate(at.context())
        if not isinstance(arguments, dict):
            raise ExpressionError(f"step {at.name}: arguments must be an object")
        request = StepRequest(
            id=at.request_id("connector"),
            task_id=at.run.task_id,
            step=at.name,
            connector=at.spec.connector,
            arguments=arguments,
            cache_for=at.spec.cache_for,
            expires_at=at.expires_at,
        )
        return at.running(request)

    def receive(self, at: Moment, fact: Fact) -> Move:
        """End with what the connector returned."""
        if not isinstance(fact, StepResult):
            return Move(at.step)
        return at.failed(fact.error) if fact.error else at.succeeded(output=fact.output)
