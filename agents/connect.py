"""`connect`: a run wants something of a connector; the connector is run.

Whatever comes of it is an answer: whether a failed step is tried again is for its workflow to say, and nothing
is buried that the run can be told.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from app.connectors.call import ConnectorOutcome, call_connector
from app.connectors.registry import ConfiguredConnector
from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.dependencies import Dependencies, answer_requests
from app.errors import ConnectorTimeout, OrchestratorError
from app.telemetry.tracing import Tracer
from topics import STEP_REQUESTS, STEP_RESULTS
from topics.base import Failure
from topics.step_requests import StepRequest
from topics.step_results import StepResult

NAME = "connect"
TOPIC = STEP_REQUESTS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `step-requests`."""
    await answer_requests(stream, deps, TOPIC, handle, agent=NAME, answer_id=answer_id, failed=failed)


def answer_id(received: Received[StepRequest]) -> str:
    """Return the id of the event that answers this request."""
    return f"{received.event.id}/result"


async def handle(received: Received[StepRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Run the connector, and return the one result: what came of it, or why nothing did."""
    request, remaining = received.event, Deadline.until(received.event.expires_at)
    configured = deps.connectors.get(request.connector)
    if configured is None:
        known = ", ".join(sorted(deps.connectors))
        message = f"no connector is called {request.connector}; there are {known}"
        return _outgoing(received, _failed(request, "unknown_connector", message))

    async def make() -> StepResult:
        outcome = await _run(received, configured, remaining, deps.tracer)
        return _limited(_result(request, outcome), deps.settings.delivery.max_event_bytes)

    given = await deps.answers.get_or_call(
        request, make, StepResult, max_age=request.cache_for, patience=remaining.seconds
    )
    return _outgoing(received, _again(given.answer, request) if given.cached else given.answer)


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
    seconds = round(outcome.seconds, 6)
    return StepResult(
        id=request.id,
        task_id=request.task_id,
        step=request.step,
        output=outcome.output,
        error=failure,
        seconds=seconds,
    )


def _limited(result: StepResult, max_bytes: int) -> StepResult:
    """Return the result, or in its place an error when no agent would take it."""
    size = len(result.to_json())
    if size <= max_bytes:
        return result
    message = f"{size} bytes are more than delivery.max_event_bytes allows ({max_bytes}); have it return less"
    return result.model_copy(update={"output": None, "error": Failure(code="too_large", message=message)})


def _again(answer: StepResult, request: StepRequest) -> StepResult:
    """Return what another request was answered as the answer to this one."""
    own = {"id": request.id, "task_id": request.task_id, "step": request.step}
    return answer.model_copy(update={**own, "seconds": 0.0, "cached": True})


def failed(received: Received[StepRequest], error: Exception) -> Sequence[Outgoing]:
    """Tell the run that there will be no result."""
    code = error.code if isinstance(error, OrchestratorError) else "internal"
    return _outgoing(received, _failed(received.event, code, "the connector could not be run; see dead-letters"))


def _failed(request: StepRequest, code: str, message: str) -> StepResult:
    failure = Failure(code=code, message=message)
    return StepResult(id=request.id, task_id=request.task_id, step=request.step, error=failure)


def _outgoing(received: Received[StepRequest], result: StepResult) -> Sequence[Outgoing]:
    return [Outgoing(STEP_RESULTS, result.task_id, result, answer_id(received), received.partition)]
