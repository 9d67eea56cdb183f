"""Giving answers again: what a question means, and what its answer had cost the first time."""

from __future__ import annotations

import time

import numpy as np

from app.caching.response_cache import key_of
from app.caching.semantic_index import SemanticKey
from app.delivery.envelope import Outgoing, Received
from app.dependencies import ConfiguredModel
from app.model_calls import spend_records
from app.model_calls.embedding import embedding
from app.model_calls.responses import RESPONDER, reused
from app.model_calls.spend_records import record
from app.retrieval.base import Embedder
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.spend import Spend


async def similar_to(request: ModelRequest, embedder: Embedder, *, patience: float | None = None) -> SemanticKey | None:
    """Return where to look for such a question; None when the request wants no answer but its own.

    What is compared is the last message, if the user says it, and in words only; all else must be equal. An embedder
    that takes longer than `patience` seconds is not waited for.
    """
    *before, last = request.messages
    if request.cache_for is None or request.cache_similar is None or last.role != "user" or last.images:
        return None
    vector = await embedding(last.content, embedder, of=request.id, patience=patience)
    if vector is None or not (length := float(np.linalg.norm(vector))):
        return None
    group = key_of(request.model_copy(update={"messages": (*before, last.model_copy(update={"content": ""}))}))
    return SemanticKey(group, vector / np.float32(length), request.cache_similar)


def cached_response(
    received: Received[ModelRequest], configured: ConfiguredModel, answer: ModelResponse
) -> list[Outgoing]:
    """Return the events that answer a request with what another one was answered."""
    spared = saved(received.event, configured, answer, time.time())
    return [
        *RESPONDER.outgoing(received, reused(answer, received.event)),
        *spend_records.outgoing(spared, received.partition),
    ]


def saved(request: ModelRequest, configured: ConfiguredModel, answer: ModelResponse, now: float) -> list[Spend]:
    """Return the record of an answer that was given again, if it had cost something; `now` is in epoch seconds."""
    if not answer.usage.cost:
        return []
    fields = {"provider": answer.provider, "outcome": "cached", "saved": answer.usage.cost}
    return [record(request, configured, "cached", now, **fields)]
