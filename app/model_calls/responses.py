"""What model requests are answered with."""

from __future__ import annotations

from typing import Any

from app.deadline import Deadline
from app.delivery.responder import Responder
from app.model_calls.embedding import embedding
from app.models.base import Completion
from app.retrieval.base import Embedder
from app.vectors import encode
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage

RESPONDER = Responder(
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    ModelResponse,
    "response",
    "the call failed; see dead-letters",
    identity=("id", "task_id", "step", "branch", "model", "purpose"),
)


async def answer(request: ModelRequest, answered: Completion, embedder: Embedder, **fields: Any) -> ModelResponse:
    """Return the response with what a model answered."""
    vector = None
    if request.embed:
        patience = Deadline.until(request.expires_at).seconds
        vector = await embedding(answered.text, embedder, of=request.id, patience=patience)
    return RESPONDER.make(
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
    return RESPONDER.reused(response, request, usage=Usage(), tries=0, seconds=0.0, cached=True)
