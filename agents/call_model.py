"""`call_model`: a run wants an answer of one model; the model is called."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from agents import spending
from agents.chunks import Chunks
from agents.embedding import embedding
from agents.parts import ConfiguredModel, Parts, answer_requests
from agents.recording import recorded
from agents.reusing import near, saved
from app.delivery.envelope import Outgoing, Received
from app.errors import InvalidRequest, OrchestratorError
from app.models.base import Prompt
from app.models.calling import call
from app.models.fitting import fitted
from app.models.outcome import FAULTS, Outcome
from app.remaining import Remaining
from app.telemetry.attributes import model_answer, model_call
from app.telemetry.tracing import Tracer
from app.vectors import Vector, encode
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import Feature, ModelRequest
from topics.model_responses import ModelResponse, Usage

NAME = "call_model"
TOPIC = MODEL_REQUESTS

_rng = random.Random()  # noqa: S311  # it tells attempts apart, and guards nothing


async def run(stream: Any, parts: Parts) -> None:
    """Process `model-requests`."""
    await answer_requests(
        stream,
        parts,
        TOPIC,
        handle,
        agent=NAME,
        answer_id=answer_id,
        failed=failed,
        kind=lambda request: request.model,
        priority=lambda request: request.priority,
    )


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

    async def make() -> ModelResponse:
        return await _ask(received, configured, remaining, parts)

    like = await near(request, parts.embedder, patience=remaining.seconds)
    given = await parts.answers.give(
        request,
        make,
        ModelResponse,
        max_age=request.cache_for,
        patience=remaining.seconds,
        near=like,
    )
    if request.cache_for is not None:
        parts.metrics.cache(request.model, given.found)
    spared = saved(request, configured, given.answer, time.time()) if given.cached else []
    response = _again(given.answer, request) if given.cached else given.answer
    if given.cached and request.stream:
        await Chunks(received, _nonce(), parts.delivery.outbox).whole(response)
    return [*_outgoing(received, response), *spending.outgoing(spared, received.partition)]


async def _ask(
    received: Received[ModelRequest], configured: ConfiguredModel, remaining: Remaining, parts: Parts
) -> ModelResponse:
    """Ask the model, with what its attempts cost put on record."""
    request = received.event
    try:
        prompt, left_out = fitted(_prompt(request), configured.model, request.downgrade)
    except InvalidRequest as error:
        return _about(request, provider=configured.model.provider, tries=0, error=Failure.of(error))
    nonce = _nonce()
    streamed = Chunks(received, nonce, parts.delivery.outbox) if request.stream else nullcontext()
    async with recorded(received, configured, nonce, parts.delivery.outbox) as recording, streamed as chunks:
        outcome = await _call(received, recording.model, prompt, remaining, parts.tracer, chunks)
        recording.note(*outcome.attempts)
    used = spending.total(request, configured, outcome.attempts)
    _measure(request, configured, outcome, used, parts)
    vector = None
    if request.embed and outcome.completion:
        vector = await embedding(outcome.completion.text, parts.embedder, of=request.id, patience=remaining.seconds)
    return _response(request, configured, outcome, used, left_out, vector)


def _nonce() -> str:
    """Return what tells the attempts of one call from those of another worker at the same request."""
    return f"{_rng.getrandbits(32):08x}"


def _prompt(request: ModelRequest) -> Prompt:
    return Prompt(request.messages, request.sampling, request.tools, request.tool_choice, request.output_schema)


async def _call(  # one for each thing that a call needs
    received: Received[ModelRequest],
    configured: ConfiguredModel,
    prompt: Prompt,
    remaining: Remaining,
    tracer: Tracer,
    chunks: Chunks | None,
) -> Outcome:
    request, settings = received.event, configured.settings
    described = model_call(configured.model.provider, settings.model or request.model)
    with tracer.span(f"chat {request.model}", received.traceparent, "client", described):
        outcome = await call(
            configured.gate,
            prompt,
            settings=settings,
            deadline=remaining.deadline,
            priority=request.priority,
            sink=chunks.take if chunks else None,
            prefix=request.prefix,
            hedges=configured.hedges,
        )
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


def _response(
    request: ModelRequest,
    configured: ConfiguredModel,
    outcome: Outcome,
    used: Usage,
    left_out: tuple[Feature, ...],
    vector: Vector | None,
) -> ModelResponse:
    made = {
        "provider": configured.model.provider,
        "tries": outcome.tries,
        "seconds": round(outcome.seconds, 6),
        "usage": used,
        "downgraded": left_out,
    }
    if outcome.completion is None:
        error = Failure.of(outcome.error or OrchestratorError("no answer"))
        return _about(request, error=error, text=outcome.text, **made)
    answered = outcome.completion
    last = next(attempt for attempt in outcome.attempts if attempt.completion)  # one made beside it may be behind it
    return _about(
        request,
        text=answered.text,
        finish_reason=answered.finish_reason,
        embedding=None if vector is None else encode(vector),
        reasoning=answered.reasoning,
        tool_calls=answered.tool_calls,
        logprobs=answered.logprobs,
        first_token=last.first_token,
        longest_gap=last.longest_gap,
        **made,
    )


def _measure(request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, used: Usage, parts: Parts) -> None:
    code = outcome.error.code if outcome.error else "ok"
    parts.metrics.model_call(
        request.model,
        configured.model.provider,
        code,
        outcome.seconds,
        outcome.tries,
        used.input_tokens,
        used.output_tokens,
    )
    for attempt in outcome.attempts:
        if attempt.first_token is not None:
            parts.metrics.model_stream(
                request.model, configured.model.provider, attempt.first_token, attempt.longest_gap
            )
    # A call that had too little time, or that was wrong in itself, says nothing of the model.
    if outcome.tries and (code == "ok" or (code in FAULTS and not outcome.attempts[-1].short)):
        held = sum(attempt.held for attempt in outcome.attempts)
        parts.measures.observe(request.model, outcome.seconds - held, ok=code == "ok", now=time.time())


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
