"""`call_model`: calls the model that a run asks."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import nullcontext

from agents.base import request_agent
from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.dependencies import ConfiguredModel, Dependencies
from app.errors import CallCancelled, InvalidRequest, OrchestratorError
from app.model_calls import batched, spend_records
from app.model_calls.cached_responses import cached_response, similar_to
from app.model_calls.responses import RESPONDER, answer, limited, reused
from app.model_calls.spend_recorder import recorded
from app.model_calls.stream_publisher import StreamPublisher
from app.models.base import Prompt
from app.models.calling.call import call
from app.models.capabilities import adapt_prompt, prompt_from
from app.models.outcome import FAULTS, Attempt, Outcome
from app.retrieval.base import Embedder
from app.suggestions import did_you_mean
from app.telemetry.attributes import model_answer, model_call
from app.telemetry.tracing import Tracer
from topics.base import Failure
from topics.model_requests import Feature, ModelRequest
from topics.model_responses import ModelResponse, Usage

_rng = random.Random()  # noqa: S311  # it tells attempts apart, and guards nothing


def _lane(request: ModelRequest) -> str:
    """Return the request's lane: requests that wait for a batch do not hold up other calls of the same model."""
    return f"{request.model}/batch" if request.batch else request.model


async def handle(received: Received[ModelRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Call the model, and return the one response: an answer, or the error that the call ended with."""
    request, remaining = received.event, Deadline.until(received.event.expires_at)
    configured = deps.models.get(request.model)
    if configured is None:
        message = f"no model is called {request.model}; {did_you_mean(request.model, deps.models)}"
        return RESPONDER.outgoing(received, RESPONDER.failure(request, "unknown_model", message))

    if request.ticket or batched.may_wait(request, configured):
        return await batched.handle(received, configured, remaining, deps)

    async def make() -> ModelResponse:
        return limited(await _ask(received, configured, remaining, deps), deps.settings)

    like = await similar_to(request, deps.embedder, patience=remaining.seconds)
    given = await deps.response_cache.get_or_call(
        request,
        make,
        ModelResponse,
        max_age=request.cache_for,
        patience=remaining.seconds,
        near=like,
    )
    if request.cache_for is not None:
        deps.metrics.cache(request.model, given.found)
    if not given.cached:
        return RESPONDER.outgoing(received, given.answer)
    if request.stream:
        await StreamPublisher(received, _nonce(), deps.delivery.outbox).whole(reused(given.answer, request))
    return cached_response(received, configured, given.answer)


async def _ask(
    received: Received[ModelRequest], configured: ConfiguredModel, remaining: Deadline, deps: Dependencies
) -> ModelResponse:
    """Ask the model, and record what its attempts cost."""
    request = received.event
    try:
        prompt, left_out = adapt_prompt(prompt_from(request), configured.model, request.downgrade, batch=request.batch)
    except InvalidRequest as error:
        return RESPONDER.make(request, provider=configured.model.provider, tries=0, error=Failure.of(error))
    nonce = _nonce()
    streamed = StreamPublisher(received, nonce, deps.delivery.outbox) if request.stream else nullcontext()
    async with recorded(received, configured, nonce, deps.delivery.outbox) as recording, streamed as chunks:
        calling = _call(received, recording.model, prompt, remaining, deps.tracer, chunks)
        called = await deps.cancelled_runs.unless_cancelled(request.task_id, calling)
        outcome = called or _ended(configured, recording.attempts)
        recording.note(*outcome.attempts)
    used = spend_records.total(request, configured, outcome.attempts)
    _measure(request, configured, outcome, used, deps)
    return await _response(request, configured, outcome, used, left_out, deps.embedder)


def _ended(configured: ConfiguredModel, attempts: tuple[Attempt, ...]) -> Outcome:
    """Return what is left of a call whose run was cancelled."""
    error = CallCancelled("the run was cancelled", provider=configured.model.provider)
    return Outcome(None, error, sum(attempt.seconds for attempt in attempts), attempts)


def _nonce() -> str:
    """Return a nonce that tells the attempts of one call from those of another worker at the same request."""
    return f"{_rng.getrandbits(32):08x}"


async def _call(  # one for each thing that a call needs
    received: Received[ModelRequest],
    configured: ConfiguredModel,
    prompt: Prompt,
    remaining: Deadline,
    tracer: Tracer,
    chunks: StreamPublisher | None,
) -> Outcome:
    request, settings = received.event, configured.settings
    described = model_call(configured.model.provider, settings.model or request.model)
    with tracer.span(f"chat {request.model}", received.traceparent, "client", described):
        outcome = await call(
            configured.limiter,
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


async def _response(
    request: ModelRequest,
    configured: ConfiguredModel,
    outcome: Outcome,
    used: Usage,
    left_out: tuple[Feature, ...],
    embedder: Embedder,
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
        return RESPONDER.make(request, error=error, text=outcome.text, **made)
    answered = outcome.completion
    last = next(attempt for attempt in outcome.attempts if attempt.completion)  # one made beside it may be behind it
    return await answer(request, answered, embedder, first_token=last.first_token, longest_gap=last.longest_gap, **made)


def _measure(
    request: ModelRequest, configured: ConfiguredModel, outcome: Outcome, used: Usage, deps: Dependencies
) -> None:
    code = outcome.error.code if outcome.error else "ok"
    deps.metrics.model_call(
        request.model,
        configured.model.provider,
        code,
        outcome.seconds,
        outcome.tries,
        used.input_tokens,
        used.output_tokens,
    )
    if outcome.completion:
        deps.metrics.repaired(request.model, outcome.completion.repaired)
    for attempt in outcome.attempts:
        if attempt.first_token is not None:
            deps.metrics.model_stream(
                request.model, configured.model.provider, attempt.first_token, attempt.longest_gap
            )
    # A call that had too little time, or was not valid, is no measure of the model.
    if outcome.tries and (code == "ok" or (code in FAULTS and not outcome.attempts[-1].short)):
        # Nor does the time for which it waited for its turn, or its reader let it wait.
        others = outcome.waited + sum(attempt.held for attempt in outcome.attempts)
        deps.measures.observe(request.model, outcome.seconds - others, ok=code == "ok", now=time.time())


AGENT = request_agent("call_model", RESPONDER, handle, lane=_lane, priority=lambda request: request.priority)
