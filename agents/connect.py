"""`connect`: runs the connector that a run asks for.

A failure is an answer too: the workflow decides whether the step is retried, and a failure that can be reported to the
run is not a dead letter.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from agents.base import request_agent
from app.connectors.call import ConnectorOutcome, call_connector
from app.connectors.registry import ConfiguredConnector
from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.delivery.responder import Responder
from app.dependencies import Dependencies
from app.errors import ConnectorTimeout
from app.suggestions import did_you_mean
from app.telemetry.tracing import Tracer
from topics import STEP_REQUESTS, STEP_RESULTS
from topics.base import Failure
from topics.step_requests import StepRequest
from topics.step_results import StepResult

RESPONDER = Responder(
    STEP_REQUESTS, STEP_RESULTS, StepResult, "result", "the connector could not be run; see dead-letters"
)


async def handle(received: Received[StepRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Run the connector, and return the one result: its output, or its error."""
    request, remaining = received.event, Deadline.until(received.event.expires_at)
    configured = deps.connectors.get(request.connector)
    if configured is None:
        message = f"no connector is called {request.connector}; {did_you_mean(request.connector, deps.connectors)}"
        return RESPONDER.outgoing(received, RESPONDER.failure(request, "unknown_connector", message))

    async def make() -> StepResult:
        outcome = await _run(received, configured, remaining, deps.tracer)
        return _limited(_result(request, outcome), deps.settings.delivery.max_event_bytes)

    given = await deps.response_cache.get_or_call(
        request, make, StepResult, max_age=request.cache_for, patience=remaining.seconds
    )
    result = RESPONDER.reused(given.answer, request, seconds=0.0, cached=True) if given.cached else given.answer
    return RESPONDER.outgoing(received, result)


async def _run(
    received: Received[StepRequest], configured: ConfiguredConnector, remaining: Deadline, tracer: Tracer
) -> ConnectorOutcome:
    request, started = received.event, time.perf_counter()
    async with configured.slots:
        seconds = remaining.at_most(configured.settings.timeout)
        if seconds <= 0:
            error = ConnectorTimeout("the deadline passed before the connector could begin")
            return ConnectorOutcome(None, error, time.perf_counter() - started)
        described = {"meta_ai.connector": request.connector}
        with tracer.span(f"connect {request.connector}", received.traceparent, "client", described):
            outcome = await call_connector(request.connector, configured.connector, request.arguments, timeout=seconds)
            if outcome.error:
                tracer.annotate({"error.type": outcome.error.code})
    return outcome


def _result(request: StepRequest, outcome: ConnectorOutcome) -> StepResult:
    failure = Failure.of(outcome.error) if outcome.error else None
    return RESPONDER.make(request, output=outcome.output, error=failure, seconds=round(outcome.seconds, 6))


def _limited(result: StepResult, max_bytes: int) -> StepResult:
    """Return the result, or an error in its place when it is too large for the agents."""
    size = len(result.to_json())
    if size <= max_bytes:
        return result
    message = f"{size} bytes are more than delivery.max_event_bytes allows ({max_bytes}); have it return less"
    return result.model_copy(update={"output": None, "error": Failure(code="too_large", message=message)})


AGENT = request_agent("connect", RESPONDER, handle)
