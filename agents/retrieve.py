"""`retrieve`: a run wants knowledge; the store is searched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.dependencies import Dependencies, answer_requests
from app.errors import OrchestratorError
from app.retrieval.base import Store
from topics import RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS
from topics.base import Failure
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult

NAME = "retrieve"
TOPIC = RETRIEVAL_REQUESTS


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `retrieval-requests`."""
    await answer_requests(stream, deps, TOPIC, handle, agent=NAME, answer_id=answer_id, failed=failed)


def answer_id(received: Received[RetrievalRequest]) -> str:
    """Return the id of the event that answers this request."""
    return f"{received.event.id}/result"


async def handle(received: Received[RetrievalRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Search, and return the one result.

    Raises:
        RetrievalError: the store failed; the same search may succeed later.
    """
    request, remaining = received.event, Deadline.until(received.event.expires_at)
    given = await deps.answers.get_or_call(
        request,
        lambda: _search(request, deps.store),
        RetrievalResult,
        max_age=request.cache_for,
        patience=remaining.seconds,
    )
    result = _again(given.answer, request) if given.cached else given.answer
    deps.metrics.retrieval(result.error.code if result.error else "ok", result.seconds)
    return _outgoing(received, result)


async def _search(request: RetrievalRequest, store: Store) -> RetrievalResult:
    started = time.perf_counter()
    chunks = await store.search(request.query, limit=request.limit, collection=request.collection)
    seconds = time.perf_counter() - started
    return RetrievalResult(
        id=request.id, task_id=request.task_id, step=request.step, chunks=tuple(chunks), seconds=seconds
    )


def _again(answer: RetrievalResult, request: RetrievalRequest) -> RetrievalResult:
    """Return what another request was answered as the answer to this one."""
    own = {"id": request.id, "task_id": request.task_id, "step": request.step}
    return answer.model_copy(update={**own, "seconds": 0.0})


def failed(received: Received[RetrievalRequest], error: Exception) -> Sequence[Outgoing]:
    """Tell the run that there will be no chunks."""
    code = error.code if isinstance(error, OrchestratorError) else "internal"
    return _outgoing(received, _failed(received.event, code, "the retrieval failed; see dead-letters"))


def _failed(request: RetrievalRequest, code: str, message: str) -> RetrievalResult:
    failure = Failure(code=code, message=message)
    return RetrievalResult(id=request.id, task_id=request.task_id, step=request.step, error=failure)


def _outgoing(received: Received[RetrievalRequest], result: RetrievalResult) -> Sequence[Outgoing]:
    return [Outgoing(RETRIEVAL_RESULTS, result.task_id, result, answer_id(received), received.partition)]
