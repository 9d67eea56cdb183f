"""`/v1/feedback`: what people and programs think of answers."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from app.admin import feedback as given_feedback
from app.errors import InvalidEvent
from app.gateway.access.admission import Caller
from app.gateway.access.rights import idempotency_scope
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.rest.known_tasks import require_known
from app.gateway.rest.pages import Cursor, Limit, decode_cursor, encode_cursor, invalid_cursor, newest_page
from app.gateway.rest.task_routes import IdempotencyKey, task_id_for
from topics import FEEDBACK
from topics.feedback import Feedback

Thumb = Literal["up", "down"]
_OFFSET = TypeAdapter(Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)])


class FeedbackRequest(BaseModel):
    """What to say of the answer to a task: at least one of `thumb`, `score`, `correction` and `comment`."""

    model_config = ConfigDict(extra="forbid")

    task_id: str = Field(min_length=1, max_length=200)
    thumb: Thumb | None = None
    score: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    correction: JsonValue = None
    comment: str = Field(default="", max_length=10_000)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.thumb or self.comment) and self.score is None and self.correction is None:
            raise ValueError("give a thumb, a score, a correction or a comment")
        json.dumps(self.correction, allow_nan=False, ensure_ascii=False).encode()
        return self


class FeedbackList(BaseModel):
    """Feedback, and the cursor of the next page, if there may be more."""

    data: list[Feedback]
    next: str | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/feedback", status_code=HTTPStatus.CREATED, responses=refusals(404, *WITH_BODY))
    async def give(asked: FeedbackRequest, caller: Caller, idempotency_key: IdempotencyKey = None) -> Feedback:
        """Say what an answer is worth; with the same Idempotency-Key, it counts once."""
        await require_known(parts.log, asked.task_id, caller)
        scope = idempotency_scope("feedback", asked.task_id, caller)
        own = task_id_for(scope, idempotency_key) if idempotency_key else uuid4().hex
        tenant = await parts.log.tenant(asked.task_id) or ""
        event = Feedback(id=own, at=datetime.now(UTC), actor=caller.id, tenant=tenant, **dict(asked))
        await given_feedback.give(parts.client, event)
        return event

    @router.get("/v1/feedback", responses=refusals())
    async def feedback(
        caller: Caller, thumb: Thumb | None = None, limit: Limit = 20, cursor: Cursor = ""
    ) -> FeedbackList:
        """List feedback on all answers, newest first."""

        def take(record: Any) -> Feedback | None:
            with suppress(InvalidEvent):
                event = FEEDBACK.parse(record.value, max_bytes=parts.settings.topics.max_message_bytes)
                return event if caller.may_see(event.tenant) and thumb in {None, event.thumb} else None
            return None

        page = await newest_page(parts.client, FEEDBACK, cursor, limit, take)
        return FeedbackList(data=list(page.rows), next=page.next)

    @router.get("/v1/tasks/{task_id}/feedback", responses=refusals(404))
    async def of_task(task_id: str, caller: Caller, limit: Limit = 20, cursor: Cursor = "") -> FeedbackList:
        """List feedback on the answer to a task, oldest first."""
        await require_known(parts.log, task_id, caller)
        async with parts.scanning():
            rows, more = await given_feedback.read(parts.client, task_id, begin=_offset(cursor), most=limit)
        return FeedbackList(data=rows, next=None if more is None else encode_cursor(more))

    return router


def _offset(cursor: str) -> int:
    try:
        return _OFFSET.validate_python(decode_cursor(cursor)) if cursor else 0
    except ValidationError:
        raise invalid_cursor() from None
