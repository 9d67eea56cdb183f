"""What model requests are answered with."""

from __future__ import annotations

from typing import Any

from app.deadline import Deadline
from app.delivery.responder import Responder
from app.model_calls.embedding import embedding
from app.models.base import Completion
from app.retrieval.base import Embedder
from app.settings import Settings
from app.vectors import encode
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse, Usage

#: What the broker counts of a message besides the event, in bytes.
_HEADERS = 1024
#: The parts of a response that may be large.
_CONTENT = ("text", "reasoning", "tool_calls", "logprobs", "embedding")

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
        repaired=answered.repaired or None,
        **fields,
    )


def limited(response: ModelResponse, settings: Settings) -> ModelResponse:
    """Return a response that is small enough to be sent: instead of a larger one, an error with what it has cost."""
    name, most = "delivery.max_event_bytes", settings.delivery.max_event_bytes
    if (broker := settings.topics.max_bytes_of(MODEL_RESPONSES.name) - _HEADERS) < most:
        name, most = "topics.max_message_bytes", broker
    size = len(response.to_json())
    if size <= most:
        return response
    message = f"the answer has {size} bytes, and {name} allows {most}: ask for a shorter one, or raise the limit"
    nothing = {name: ModelResponse.model_fields[name].default for name in _CONTENT}
    return response.model_copy(update={**nothing, "error": Failure(code="too_large", message=message)})


def reused(response: ModelResponse, request: ModelRequest) -> ModelResponse:
    """Return what another request was answered as the answer to this one, which costs nothing."""
    return RESPONDER.reused(response, request, usage=Usage(), tries=0, seconds=0.0, cached=True)
