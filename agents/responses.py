"""What model requests are answered with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from app.delivery.envelope import Outgoing, Received
from app.models.base import Completion
from app.retrieval.base import Embedder
from app.vectors import encode
from topics import MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage

log = logging.getLogger(__name__)


def answer_id(received: Received[ModelRequest]) -> str:
    """Return the id of the event that answers this request."""
    return f"{received.event.id}/response"


def outgoing(received: Received[ModelRequest], response: ModelResponse) -> Sequence[Outgoing]:
    """Return the event that answers this request."""
    return [Outgoing(MODEL_RESPONSES, response.task_id, response, answer_id(received), received.partition)]


def about(request: ModelRequest, **fields: Any) -> ModelResponse:
    """Return a response to a request."""
    return ModelResponse(
        id=request.id,
        task_id=request.task_id,
        step=request.step,
        branch=request.branch,
        model=request.model,
        purpose=request.purpose,
        **fields,
    )


def failure(request: ModelRequest, code: str, message: str) -> ModelResponse:
    """Return the response to a request that was not even tried."""
    return about(request, error=Failure(code=code, message=message))


async def answer(request: ModelRequest, answered: Completion, embedder: Embedder, **fields: Any) -> ModelResponse:
    """Return the response with what a model answered."""
    return about(
        request,
        text=answered.text,
        finish_reason=answered.finish_reason,
        embedding=await _embedding(request, answered.text, embedder),
        reasoning=answered.reasoning,
        tool_calls=answered.tool_calls,
        logprobs=answered.logprobs,
        **fields,
    )


def again(response: ModelResponse, request: ModelRequest) -> ModelResponse:
    """Return what another request was answered as the answer to this one, which costs nothing."""
    own = {"id": request.id, "task_id": request.task_id, "step": request.step, "purpose": request.purpose}
    return response.model_copy(update={**own, "usage": Usage(), "tries": 0, "seconds": 0.0, "cached": True})


async def _embedding(request: ModelRequest, text: str, embedder: Embedder) -> str | None:
    if not request.embed:
        return None
    try:
        return encode((await embedder.embed([text]))[0])
    except Exception as error:  # noqa: BLE001  # the answer is paid for, and fusion can do without an embedding
        log.warning("no embedding for %s: %s", request.id, type(error).__name__)
        return None
