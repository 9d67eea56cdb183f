"""Model requests that may wait: each is handed in with others, answered by a ticket, and asked for with it later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.dependencies import ConfiguredModel, Dependencies
from app.errors import BatchFailed, InvalidRequest, ModelError, ModelTimeout
from app.model_calls import spend_records
from app.model_calls.cached_responses import cached_response, similar_to
from app.model_calls.responses import RESPONDER, answer, limited
from app.models.base import Completion
from app.models.capabilities import adapt_prompt, prompt_from, required_features
from topics.base import Failure
from topics.model_requests import ModelRequest, Ticket
from topics.model_responses import ModelResponse


def may_wait(request: ModelRequest, configured: ConfiguredModel) -> bool:
    """Whether a request is for a batch; one for a model that takes none is refused or made at once, as it says."""
    return request.batch and configured.batcher is not None


async def handle(
    received: Received[ModelRequest], configured: ConfiguredModel, remaining: Deadline, deps: Dependencies
) -> Sequence[Outgoing]:
    """Return the one response to a request: an answer, a ticket, or an error."""
    request = received.event
    if request.ticket:
        return RESPONDER.outgoing(received, await _collect(received, configured, request.ticket, remaining, deps))
    like = await similar_to(request, deps.embedder, patience=remaining.seconds)
    given = await deps.response_cache.find(request, ModelResponse, max_age=request.cache_for, near=like)
    if request.cache_for is not None:
        deps.metrics.cache(request.model, given.found if given else "new")
    if given:
        return cached_response(received, configured, given.answer)
    return RESPONDER.outgoing(received, await _hand_in(request, configured, remaining, deps))


async def _hand_in(
    request: ModelRequest, configured: ConfiguredModel, remaining: Deadline, deps: Dependencies
) -> ModelResponse:
    """Return the ticket of a request."""
    started, provider = time.monotonic(), configured.model.provider
    try:
        prompt, _ = adapt_prompt(prompt_from(request), configured.model, request.downgrade, batch=True)
    except InvalidRequest as error:
        return RESPONDER.make(request, provider=provider, tries=0, error=Failure.of(error))
    found = await _submit(request.id, prompt, configured, remaining)
    if isinstance(found, Ticket):
        return RESPONDER.make(request, provider=provider, ticket=found)
    seconds = time.monotonic() - started
    deps.metrics.model_call(request.model, provider, found.code, seconds, 1, 0, 0)
    return RESPONDER.make(request, provider=provider, error=Failure.of(found), seconds=round(seconds, 6))


async def _submit(
    request_id: str, prompt: Any, configured: ConfiguredModel, remaining: Deadline
) -> Ticket | ModelError:
    provider = configured.model.provider
    if configured.batcher is None:
        return BatchFailed("the model takes no batches", provider=provider)
    try:
        async with asyncio.timeout(remaining.seconds):
            return await configured.batcher.submit(request_id, prompt)
    except TimeoutError:
        return ModelTimeout("the deadline passed before the batch was handed in", provider=provider)


async def _collect(
    received: Received[ModelRequest],
    configured: ConfiguredModel,
    ticket: Ticket,
    remaining: Deadline,
    deps: Dependencies,
) -> ModelResponse:
    """Return the answer that a ticket stands for, or the ticket if it is not there yet."""
    request, provider = received.event, configured.model.provider
    if configured.batcher is None:
        return RESPONDER.failure(request, BatchFailed.code, f"{request.model} takes no batches any more")
    found = await configured.batcher.collect(ticket)
    if isinstance(found, Ticket):
        return RESPONDER.make(request, provider=provider, ticket=found)
    response = limited(await _answered(received, configured, ticket, found, deps), deps.settings)
    like = await similar_to(request, deps.embedder, patience=remaining.seconds)
    await deps.response_cache.keep(request, response, max_age=request.cache_for, near=like)
    return response


async def _answered(
    received: Received[ModelRequest],
    configured: ConfiguredModel,
    ticket: Ticket,
    found: Completion | ModelError,
    deps: Dependencies,
) -> ModelResponse:
    """Return the response with what was found in the batch, and put on record what it has cost."""
    request, provider = received.event, configured.model.provider
    usage, spent = spend_records.batched(request, configured, ticket, found, time.time())
    await deps.delivery.outbox.publish(spend_records.outgoing(spent, received.partition), received)
    code = found.code if isinstance(found, ModelError) else "ok"
    seconds = max(0.0, time.time() - ticket.at.timestamp())
    deps.metrics.model_call(request.model, provider, code, seconds, 1, usage.input_tokens, usage.output_tokens)
    made = {"provider": provider, "usage": usage, "seconds": round(seconds, 6)}
    if isinstance(found, ModelError):
        return RESPONDER.make(request, error=Failure.of(found), **made)
    deps.metrics.repaired(request.model, found.repaired)
    left_out = tuple(sorted(required_features(prompt_from(request)) - configured.model.features))
    return await answer(request, found, deps.embedder, downgraded=left_out, **made)
