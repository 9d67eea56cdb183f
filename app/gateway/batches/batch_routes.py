"""`/v1/batches`: begin batches, look at them, and cancel them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.gateway.access.admission import Caller
from app.gateway.batches.batch_lines import Endpoint, owner_of
from app.gateway.batches.batch_log import OVER
from app.gateway.files.file_routes import After, known
from app.gateway.openai.pages import page
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.security.principal import Principal
from topics.batches import BatchState

_WINDOW = timedelta(hours=24)
_TIMES = (
    *("in_progress", "finalizing", "completed", "failed"),
    *("expired", "cancelling", "cancelled"),
)
Limit = Annotated[int, Query(ge=1, le=100)]


class BatchRequest(BaseModel):
    """A file whose lines are requests for one endpoint."""

    model_config = ConfigDict(extra="forbid")

    input_file_id: str = Field(min_length=1, max_length=100)
    endpoint: Endpoint
    completion_window: Literal["24h"]
    metadata: dict[str, str] | None = None
    output_expires_after: JsonValue = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/batches", responses=refusals(404, *WITH_BODY))
    async def create(asked: BatchRequest, caller: Caller) -> dict[str, Any]:
        """Begin a batch."""
        parts.log.require_read()
        file, now = await known(parts, asked.input_file_id, caller), datetime.now(UTC)
        if file.purpose != "batch":
            text = f"input_file_id: the purpose of the file is {file.purpose}; upload it with the purpose batch"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", text)
        state = BatchState(
            endpoint=asked.endpoint,
            input=file,
            owner=owner_of(caller),
            metadata=asked.metadata or {},
            times={"created": now},
            expires_at=now + _WINDOW,
        )
        batch_id = f"batch_{uuid4().hex}"
        await parts.batches.put(batch_id, state)
        return _shown(parts, batch_id, state)

    @router.get("/v1/batches", responses=refusals())
    async def batches(caller: Caller, after: After = None, limit: Limit = 20) -> dict[str, Any]:
        """List the batches, newest first."""
        parts.batches.require_read()
        found = (one for one in reversed(parts.batches.all()) if _may_see(caller, one[1]))
        return page((_shown(parts, *one) for one in found), after, limit)

    @router.get("/v1/batches/{batch_id}", responses=refusals(404))
    async def batch(batch_id: str, caller: Caller) -> dict[str, Any]:
        """Return how far a batch is done."""
        return _shown(parts, batch_id, await _known(parts, batch_id, caller))

    @router.post("/v1/batches/{batch_id}/cancel", responses=refusals(404, 409, *WITH_BODY))
    async def cancel(batch_id: str, caller: Caller) -> dict[str, Any]:
        """Cancel a batch: the tasks that it has sent are cancelled, and no more are sent."""
        state = await _known(parts, batch_id, caller)
        if state.status in OVER:
            text = f"the batch has already ended: it is {state.status}"
            raise Refusal(HTTPStatus.CONFLICT, "batch_ended", text)
        await parts.batches.cancel(batch_id)
        return _shown(parts, batch_id, state)

    return router


def _may_see(caller: Principal, state: BatchState) -> bool:
    return caller.may_see(state.owner.tenant or "")


async def _known(parts: Parts, batch_id: str, caller: Principal) -> BatchState:
    """Return a batch, even if another gateway has begun it a moment ago.

    Raises:
        Refusal: there is none that the caller may see, or that is not known yet.
    """
    parts.batches.require_read()
    if parts.batches.get(batch_id) is None:
        await parts.batches.read_all()
    if (state := parts.batches.get(batch_id)) and _may_see(caller, state):
        return state
    text = "there is no such batch, or it is older than topics.retention; GET /v1/batches lists what there is"
    raise Refusal(HTTPStatus.NOT_FOUND, "unknown_batch", text)


def _shown(parts: Parts, batch_id: str, state: BatchState) -> dict[str, Any]:
    """Return a batch as OpenAI's API has it."""
    cancelling = state.status not in OVER and parts.batches.is_cancelled(batch_id)
    errors = [{**error.model_dump(), "param": None} for error in state.errors]
    times = {f"{name}_at": int(state.times[name].timestamp()) if name in state.times else None for name in _TIMES}
    return {
        "id": batch_id,
        "object": "batch",
        "endpoint": state.endpoint,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": state.input.id,
        "completion_window": "24h",
        "status": "cancelling" if cancelling else state.status,
        "output_file_id": state.output_file_id,
        "error_file_id": state.error_file_id,
        "created_at": int(state.times["created"].timestamp()),
        "expires_at": int(state.expires_at.timestamp()),
        **times,
        "request_counts": {"total": state.total, "completed": state.completed, "failed": state.failed},
        "metadata": state.metadata,
    }
