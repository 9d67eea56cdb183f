"""`call_model`: a run wants an answer of one model; the model is called."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agents.parts import ConfiguredModel, Parts
from app.delivery.doing import Doer
from app.delivery.envelope import Outgoing, Received
from app.errors import OrchestratorError
from app.models.base import Prompt
from app.models.calling import Outcome, call
from app.retrieval.base import Embedder
from app.telemetry.attributes import model_answer, model_call
from app.telemetry.tracing import Tracer
from app.vectors import encode
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse

NAME = "call_model"
TOPIC = MODEL_REQUESTS

log = logging.getLogger(__name__)


async def run(stream: Any, parts: Parts) -> None:
    """Process `model-requests`."""

    async def handler(received: Received[ModelRequest]) -> Sequence[Outgoing]:
        return await handle(received, parts)

    doer = Doer(parts.delivery, TOPIC, handler, agent=NAME, identify=answer_id, answers=True, failed=failed)
    await doer.run(stream)


def answer_id(received: Received[ModelRequest]) -> str:
    """Return the id of the event that answers this request."""
    return f"{received.event.id}/response"


async def handle(received: Received[ModelRequest], parts: Parts) -> Sequence[Outgoing]:
    """Call the model, and return the one response: an answer, or the error that the call ended with."""
    request = received.event
    configured = parts.models.get(request.model)
    if configured is None:
        known = ", ".join(sorted(parts.models))
        return answer(
            received,
            error=Failure(code="unknown_model", message=f"no model is called {request.model}; there are {known}"),
        )
    seconds_left = None
    if request.expires_at:
        seconds_left = (request.expires_at - datetime.now(UTC)).total_seconds()
        if seconds_left <= 0:
            return answer(received, error=Failure(code="timeout", message="nobody waits for this answer any more"))
    outcome = await _call(received, configured, seconds_left, parts.tracer)
    _measure(request, configured, outcome, parts)
    return answer(received, **await _fields(request, configured, outcome, parts.embedder))


async def _call(
    received: Received[ModelRequest], configured: ConfiguredModel, seconds_left: float | None, tracer: Tracer
) -> Outcome:
    request, settings = received.event, configured.settings
    prompt = Prompt(request.messages, request.sampling)
    deadline = None if seconds_left is None else time.monotonic() + seconds_left
    described = model_call(configured.model.provider, settings.model or request.model)
    async with configured.slots:
        with tracer.span(f"chat {request.model}", received.traceparent, "client", described):
            outcome = await call(configured.model, prompt, settings=settings, deadline=deadline, rng=None)
            _annotate(outcome, tracer)
    return outcome


def _annotate(outcome: Outcome, tracer: Tracer) -> None:
    if outcome.error:
        tracer.annotate({"error.type": outcome.error.code})
    elif answered := outcome.completion:
        usage = answered.usage
        tracer.annotate(
            model_answer(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                finish_reason=answered.finish_reason,
            )
        )


async def _fields(
    request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, embedder: Embedder
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "provider": configured.model.provider,
        "tries": outcome.tries,
        "seconds": round(outcome.seconds, 6),
    }
    if outcome.completion is None:
        error = outcome.error or OrchestratorError("no answer")
        return {**fields, "error": Failure.of(error)}
    completion = outcome.completion
    fields |= {"text": completion.text, "finish_reason": completion.finish_reason, "usage": completion.usage}
    if request.embed:
        try:
            fields["embedding"] = encode((await embedder.embed([completion.text]))[0])
        except Exception as error:  # noqa: BLE001  # the answer is paid for, and fusion can do without an embedding
            log.warning("no embedding for %s: %s", request.id, type(error).__name__)
    return fields


def _measure(request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, parts: Parts) -> None:
    usage = outcome.completion.usage if outcome.completion else None
    parts.metrics.model_call(
        request.model,
        configured.model.provider,
        outcome.error.code if outcome.error else "ok",
        outcome.seconds,
        outcome.tries,
        usage.input_tokens if usage else 0,
        usage.output_tokens if usage else 0,
    )


def failed(received: Received[ModelRequest], error: Exception) -> Sequence[Outgoing]:
    """Tell the run that there will be no answer of this model."""
    code = error.code if isinstance(error, OrchestratorError) else "internal"
    return answer(received, error=Failure(code=code, message="the call failed; see dead-letters"))


def answer(received: Received[ModelRequest], **fields: Any) -> Sequence[Outgoing]:
    """Return the response to a request as the event to send."""
    request = received.event
    response = ModelResponse(
        id=request.id, task_id=request.task_id, step=request.step, branch=request.branch, model=request.model, **fields
    )
    return [Outgoing(MODEL_RESPONSES, request.task_id, response, answer_id(received), received.partition)]
