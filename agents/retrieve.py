"""`retrieve`: a run wants knowledge; the store is searched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agents.parts import Parts
from app.delivery.doing import Doer
from app.delivery.envelope import Outgoing, Received
from app.errors import OrchestratorError
from app.retrieval.base import Store
from topics import RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS
from topics.base import Failure
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult

NAME = "retrieve"
TOPIC = RETRIEVAL_REQUESTS


async def run(stream: Any, parts: Parts) -> None:
    """Process `retrieval-requests`."""

    async def handler(received: Received[RetrievalRequest]) -> Sequence[Outgoing]:
        outgoing = await handle(received, parts.store)
        result: RetrievalResult = outgoing[0].event  # type: ignore[assignment]  # that is what handle makes
        parts.metrics.retrieval(result.error.code if result.error else "ok", result.seconds)
        return outgoing

    doer = Doer(parts.delivery, TOPIC, handler, agent=NAME, identify=answer_id, answers=True, failed=failed)
    await doer.run(stream)


def answer_id(received: Received[RetrievalRequest]) -> str:
    """Return the id of the event that answers this request."""
    return f"{received.event.id}/result"


async def handle(received: Received[RetrievalRequest], store: Store) -> Sequence[Outgoing]:
    """Search, and return the one result.

    Raises:
        RetrievalError: the store failed; the same search may succeed later.
    """
    request = received.event
    if request.expires_at and request.expires_at <= datetime.now(UTC):
        return _answer(received, error=Failure(code="timeout", message="nobody waits for this result any more"))
    started = time.perf_counter()
    chunks = await store.search(request.query, limit=request.limit, collection=request.collection)
    return _answer(received, chunks=tuple(chunks), seconds=time.perf_counter() - started)


def failed(received: Received[RetrievalRequest], error: Exception) -> Sequence[Outgoing]:
    """Tell the run that there will be no chunks."""
    code = error.code if isinstance(error, OrchestratorError) else "internal"
    return _answer(received, error=Failure(code=code, message="the retrieval failed; see dead-letters"))


def _answer(received: Received[RetrievalRequest], **fields: Any) -> Sequence[Outgoing]:
    request = received.event
    result = RetrievalResult(id=request.id, task_id=request.task_id, step=request.step, **fields)
    return [Outgoing(RETRIEVAL_RESULTS, request.task_id, result, answer_id(received), received.partition)]
