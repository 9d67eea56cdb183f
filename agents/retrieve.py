"""`retrieve`: searches the stores for a run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from agents.base import request_agent
from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.delivery.responder import Responder
from app.dependencies import Dependencies
from app.retrieval.base import SearchScope
from app.retrieval.context.planning import ContextPlan, plan_context
from app.retrieval.several import Stores
from topics import RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult

RESPONDER = Responder(
    RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS, RetrievalResult, "result", "the retrieval failed; see dead-letters"
)


async def handle(received: Received[RetrievalRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Search, and return the one result.

    Raises:
        RetrievalError: all its stores failed; the same search may succeed later.
    """
    request, remaining = received.event, Deadline.until(received.event.expires_at)
    given = await deps.response_cache.get_or_call(
        request,
        lambda: _search(request, deps.stores),
        RetrievalResult,
        max_age=request.cache_for,
        patience=remaining.seconds,
    )
    result = RESPONDER.reused(given.answer, request, seconds=0.0) if given.cached else given.answer
    deps.metrics.retrieval(result.error.code if result.error else "ok", result.seconds)
    return RESPONDER.outgoing(received, result)


async def _search(request: RetrievalRequest, stores: Stores) -> RetrievalResult:
    started = time.perf_counter()
    scope = SearchScope(request.collection, request.tenant, frozenset(request.roles), request.filter)
    found = await stores.search(request.query, limit=request.limit, scope=scope, names=request.stores)
    most, chunks = request.max_tokens, tuple(found.chunks)
    planned = plan_context(chunks, most) if most else ContextPlan(chunks, None)
    seconds = time.perf_counter() - started
    return RESPONDER.make(
        request, chunks=planned.chunks, plan=planned.decisions, failed_stores=found.failed, seconds=seconds
    )


AGENT = request_agent("retrieve", RESPONDER, handle)
