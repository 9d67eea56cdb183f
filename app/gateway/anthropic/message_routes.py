"""`/v1/messages`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.gateway.answers.answer_writer import headers, streamed, whole
from app.gateway.answers.chat_tasks import chat_task
from app.gateway.anthropic.message_answer import MessageStream, message
from app.gateway.anthropic.message_request import MessageRequest
from app.gateway.catalog_routes import require_read
from app.gateway.known_tasks import require_ready
from app.gateway.parts import Parts
from app.gateway.responses import WITH_BODY, refusals
from app.gateway.task_routes import IdempotencyKey

_FORMS: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}}


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post(
        "/v1/messages",
        responses={200: {"content": _FORMS}, **refusals(404, 409, 429, 502, 504, *WITH_BODY)},
    )
    async def respond(asked: MessageRequest, idempotency_key: IdempotencyKey = None) -> Response:
        """Answer a conversation, in the form of Anthropic's API."""
        require_ready(parts.log)
        require_read(parts)
        chat, once = await chat_task(parts, asked, idempotency_key), idempotency_key is not None
        if asked.stream:
            return await streamed(parts, MessageStream(chat, asked), once=once)
        result = await whole(parts, chat, once=once)
        return JSONResponse(message(chat, result), headers=headers(chat, result))

    return router
