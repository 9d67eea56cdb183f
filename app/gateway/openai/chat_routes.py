"""`/v1/chat/completions` and `/v1/responses`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.gateway.answers.answer_writer import headers, streamed, whole
from app.gateway.answers.chat_tasks import chat_task
from app.gateway.catalog_routes import require_read
from app.gateway.known_tasks import require_ready
from app.gateway.openai import chat_answer, response_answer
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.chat_stream import ChatStream
from app.gateway.openai.response_request import ResponseRequest
from app.gateway.openai.response_stream import ResponseStream
from app.gateway.parts import Parts
from app.gateway.responses import WITH_BODY, refusals
from app.gateway.task_routes import IdempotencyKey

_FORMS: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": _FORMS},
    **refusals(404, 409, 429, 502, 504, *WITH_BODY),
}


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/chat/completions", responses=_ANSWERS)
    async def complete(asked: ChatRequest, idempotency_key: IdempotencyKey = None) -> Response:
        """Answer a conversation: by a workflow, a configured model, or the router."""
        _require_ready(parts)
        chat, once = await chat_task(parts, asked, idempotency_key), idempotency_key is not None
        if asked.stream:
            return await streamed(parts, ChatStream(chat, asked), once=once)
        result = await whole(parts, chat, once=once)
        return JSONResponse(chat_answer.completion(chat, result), headers=headers(chat, result))

    @router.post("/v1/responses", responses=_ANSWERS)
    async def respond(asked: ResponseRequest, idempotency_key: IdempotencyKey = None) -> Response:
        """Answer a conversation, in the form of OpenAI's newer API."""
        _require_ready(parts)
        chat, once = await chat_task(parts, asked, idempotency_key), idempotency_key is not None
        if asked.stream:
            return await streamed(parts, ResponseStream(chat, asked), once=once)
        result = await whole(parts, chat, once=once)
        return JSONResponse(response_answer.response(chat, asked, result), headers=headers(chat, result))

    return router


def _require_ready(parts: Parts) -> None:
    require_ready(parts.log)
    require_read(parts)
