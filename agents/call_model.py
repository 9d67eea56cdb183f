"""`call_model`: a run wants an answer of one model; the model is called."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agents.parts import ConfiguredModel, Parts
from app.delivery.doing import Doer
from app.delivery.envelope import Outgoing, Received
from app.errors import OrchestratorError, RetrievalError
from app.models.base import Prompt
from app.models.calling import Outcome, call
from app.retrieval.base import Embedder
from app.vectors import encode
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import ModelRequest, Sampling
from topics.model_responses import ModelResponse

NAME = "call_model"
TOPIC = MODEL_REQUESTS


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
    outcome = await _call(request, configured, seconds_left)
    _measure(request, configured, outcome, parts)
    return answer(received, **await _fields(request, configured, outcome, parts.embedder))


async def _call(request: ModelRequest, configured: ConfiguredModel, seconds_left: float | None) -> Outcome:
    defaults = configured.settings.sampling
    sampling = Sampling.model_validate({**defaults, **request.sampling.model_dump(exclude_unset=True)})
    deadline = None if seconds_left is None else time.monotonic() + seconds_left
    async with configured.slots:
        return await call(
            configured.model,
            Prompt(request.messages, sampling),
            settings=configured.settings,
            deadline=deadline,
            rng=None,
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
        return {**fields, "error": Failure(code=error.code, message=str(error))}
    completion = outcome.completion
    fields |= {"text": completion.text, "finish_reason": completion.finish_reason, "usage": completion.usage}
    if request.embed:
        # The answer is paid for: a failed embedding must not lose it, and fusion can do without.
        with contextlib.suppress(RetrievalError):
            fields["embedding"] = encode((await embedder.embed([completion.text]))[0])
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
