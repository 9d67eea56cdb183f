"""`call_model`: a run wants an answer of one model; the model is called."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from agents.parts import ConfiguredModel, Parts
from app.delivery.doing import Doer
from app.delivery.envelope import Outgoing, Received
from app.errors import OrchestratorError
from app.models.base import Prompt
from app.models.calling import Outcome, call
from app.remaining import Remaining
from app.retrieval.base import Embedder
from app.settings import PriceSettings
from app.telemetry.attributes import model_answer, model_call
from app.telemetry.tracing import Tracer
from app.vectors import encode
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage

NAME = "call_model"
TOPIC = MODEL_REQUESTS

#: Errors that say how a model is, rather than what it was asked.
FAULTS = frozenset({"timeout", "unavailable", "overloaded", "rate_limited", "unauthorized"})

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
    request, remaining = received.event, Remaining.until(received.event.expires_at)
    configured = parts.models.get(request.model)
    if configured is None:
        known = ", ".join(sorted(parts.models))
        return _outgoing(
            received, _failed(request, "unknown_model", f"no model is called {request.model}; there are {known}")
        )
    if remaining.over:
        return _outgoing(received, _failed(request, "timeout", "nobody waits for this answer any more"))

    async def make() -> ModelResponse:
        outcome = await _call(received, configured, remaining, parts.tracer)
        _measure(request, configured, outcome, parts)
        return await _response(request, configured, outcome, parts.embedder)

    given = await parts.answers.give(request, make, max_age=request.cache_for, patience=remaining.seconds)
    return _outgoing(received, _again(given.answer, request) if given.cached else given.answer)


async def _call(
    received: Received[ModelRequest], configured: ConfiguredModel, remaining: Remaining, tracer: Tracer
) -> Outcome:
    request, settings = received.event, configured.settings
    prompt = Prompt(request.messages, request.sampling)
    described = model_call(configured.model.provider, settings.model or request.model)
    async with configured.slots.held(request.priority):
        with tracer.span(f"chat {request.model}", received.traceparent, "client", described):
            outcome = await call(configured.model, prompt, settings=settings, deadline=remaining.deadline, rng=None)
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


async def _response(
    request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, embedder: Embedder
) -> ModelResponse:
    made = {"provider": configured.model.provider, "tries": outcome.tries, "seconds": round(outcome.seconds, 6)}
    if outcome.completion is None:
        return _about(request, error=Failure.of(outcome.error or OrchestratorError("no answer")), **made)
    answered = outcome.completion
    return _about(
        request,
        text=answered.text,
        finish_reason=answered.finish_reason,
        usage=priced(answered.usage, configured.settings.price),
        embedding=await _embedding(request, answered.text, embedder),
        **made,
    )


def priced(usage: Usage, price: PriceSettings | None) -> Usage:
    """Return the usage with what it costs in US dollars; prices are for a million tokens."""
    if price is None:
        return usage
    cost = (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1_000_000
    return usage.model_copy(update={"cost": round(cost, 12)})


async def _embedding(request: ModelRequest, text: str, embedder: Embedder) -> str | None:
    if not request.embed:
        return None
    try:
        return encode((await embedder.embed([text]))[0])
    except Exception as error:  # noqa: BLE001  # the answer is paid for, and fusion can do without an embedding
        log.warning("no embedding for %s: %s", request.id, type(error).__name__)
        return None


def _measure(request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, parts: Parts) -> None:
    usage = outcome.completion.usage if outcome.completion else Usage()
    code = outcome.error.code if outcome.error else "ok"
    parts.metrics.model_call(
        request.model,
        configured.model.provider,
        code,
        outcome.seconds,
        outcome.tries,
        usage.input_tokens,
        usage.output_tokens,
    )
    # A call that had no time to begin, or that was wrong in itself, says nothing of the model.
    if outcome.tries and (code == "ok" or code in FAULTS):
        parts.measures.observe(request.model, outcome.seconds, ok=code == "ok", now=time.time())


def _again(answer: ModelResponse, request: ModelRequest) -> ModelResponse:
    """Return what another request was answered as the answer to this one, which costs nothing."""
    own = {"id": request.id, "task_id": request.task_id, "step": request.step, "purpose": request.purpose}
    return answer.model_copy(update={**own, "usage": Usage(), "tries": 0, "seconds": 0.0, "cached": True})


def failed(received: Received[ModelRequest], error: Exception) -> Sequence[Outgoing]:
    """Tell the run that there will be no answer of this model."""
    code = error.code if isinstance(error, OrchestratorError) else "internal"
    return _outgoing(received, _failed(received.event, code, "the call failed; see dead-letters"))


def _failed(request: ModelRequest, code: str, message: str) -> ModelResponse:
    return _about(request, error=Failure(code=code, message=message))


def _about(request: ModelRequest, **fields: Any) -> ModelResponse:
    return ModelResponse(
        id=request.id,
        task_id=request.task_id,
        step=request.step,
        branch=request.branch,
        model=request.model,
        purpose=request.purpose,
        **fields,
    )


def _outgoing(received: Received[ModelRequest], response: ModelResponse) -> Sequence[Outgoing]:
    return [Outgoing(MODEL_RESPONSES, response.task_id, response, answer_id(received), received.partition)]
