"""Model requests that may wait: each is handed in with others, answered by a ticket, and asked for with it later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from agents import spending
from agents.parts import ConfiguredModel, Parts
from agents.responses import about, answer, failure, outgoing
from agents.reusing import given_again, near
from app.delivery.envelope import Outgoing, Received
from app.errors import BatchFailed, InvalidRequest, ModelError, ModelTimeout
from app.models.base import Completion
from app.models.fitting import fitted, prompt_of, wanted
from app.remaining import Remaining
from topics.base import Failure
from topics.model_requests import ModelRequest, Ticket
from topics.model_responses import ModelResponse


def may_wait(request: ModelRequest, configured: ConfiguredModel) -> bool:
    """Whether a request is for a batch; one for a model that takes none is refused or made at once, as it says."""
    return request.batch and configured.batcher is not None


async def handle(
    received: Received[ModelRequest], configured: ConfiguredModel, remaining: Remaining, parts: Parts
) -> Sequence[Outgoing]:
    """Return the one response to a request: an answer, a ticket, or an error."""
    request = received.event
    if request.ticket:
        return outgoing(received, await _collect(received, configured, request.ticket, remaining, parts))
    like = await near(request, parts.embedder, patience=remaining.seconds)
    given = await parts.answers.find(request, ModelResponse, max_age=request.cache_for, near=like)
    if request.cache_for is not None:
        parts.metrics.cache(request.model, given.found if given else "new")
    if given:
        return given_again(received, configured, given.answer)
    return outgoing(received, await _hand_in(request, configured, remaining, parts))


async def _hand_in(
    request: ModelRequest, configured: ConfiguredModel, remaining: Remaining, parts: Parts
) -> ModelResponse:
    """Return the ticket of a request."""
    started, provider = time.monotonic(), configured.model.provider
    try:
        prompt, _ = fitted(prompt_of(request), configured.model, request.downgrade, batch=True)
    except InvalidRequest as error:
        return about(request, provider=provider, tries=0, error=Failure.of(error))
    found = await _submit(request.id, prompt, configured, remaining)
    if isinstance(found, Ticket):
        return about(request, provider=provider, ticket=found)
    seconds = time.monotonic() - started
    parts.metrics.model_call(request.model, provider, found.code, seconds, 1, 0, 0)
    return about(request, provider=provider, error=Failure.of(found), seconds=round(seconds, 6))


async def _submit(
    request_id: str, prompt: Any, configured: ConfiguredModel, remaining: Remaining
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
    received: Received[ModelRequest], configured: ConfiguredModel, ticket: Ticket, remaining: Remaining, parts: Parts
) -> ModelResponse:
    """Return the answer that a ticket stands for, or the ticket if it is not there yet."""
    request, provider = received.event, configured.model.provider
    if configured.batcher is None:
        return failure(request, BatchFailed.code, f"{request.model} takes no batches any more")
    found = await configured.batcher.collect(ticket)
    if isinstance(found, Ticket):
        return about(request, provider=provider, ticket=found)
    seconds = max(0.0, time.time() - ticket.at.timestamp())
    if isinstance(found, ModelError):
        parts.metrics.model_call(request.model, provider, found.code, seconds, 1, 0, 0)
        return about(request, provider=provider, error=Failure.of(found), seconds=round(seconds, 6))
    response = await _answered(received, configured, ticket, found, seconds, parts)
    like = await near(request, parts.embedder, patience=remaining.seconds)
    await parts.answers.keep(request, response, max_age=request.cache_for, near=like)
    return response


async def _answered(  # what an answer is made of
    received: Received[ModelRequest],
    configured: ConfiguredModel,
    ticket: Ticket,
    completion: Completion,
    seconds: float,
    parts: Parts,
) -> ModelResponse:
    request, provider = received.event, configured.model.provider
    spent = spending.batched(request, configured, ticket, completion, time.time())
    await parts.delivery.outbox.publish(spending.outgoing(spent, received.partition), received)
    usage = spending.usage_in_batch(request, configured, completion)
    parts.metrics.model_call(request.model, provider, "ok", seconds, 1, usage.input_tokens, usage.output_tokens)
    return await answer(
        request,
        completion,
        parts.embedder,
        provider=provider,
        usage=usage,
        seconds=round(seconds, 6),
        downgraded=tuple(sorted(wanted(prompt_of(request)) - configured.model.features)),
    )
