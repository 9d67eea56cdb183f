"""What model requests are answered with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.deadline import Deadline
from app.delivery.envelope import Outgoing, Received
from app.model_calls.embedding import embedding
from app.models.base import Completion
from app.retrieval.base import Embedder
from app.vectors import encode
from topics import MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage


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
    vector = None
    if request.embed:
        patience = Deadline.until(request.expires_at).seconds
        vector = await embedding(answered.text, embedder, of=request.id, patience=patience)
    return about(
        request,
        text=answered.text,
        finish_reason=answered.finish_reason,
        embedding=None if vector is None else encode(vector),
        reasoning=answered.reasoning,
        tool_calls=answered.tool_calls,
        logprobs=answered.logprobs,
        **fields,
    )


def reused(response: ModelResponse, request: ModelRequest) -> ModelResponse:
    """Return what another request was answered as the answer to this one, which costs nothing."""
    own = {"id": request.id, "task_id": request.task_id, "step": request.step, "purpose": request.purpose}
    return response.model_copy(update={**own, "usage": Usage(), "tries": 0, "seconds": 0.0, "cached": True})
