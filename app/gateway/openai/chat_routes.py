"""`/v1/chat/completions`."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.gateway.answer_stream import LONGEST_SECONDS
from app.gateway.catalog_routes import require_read
from app.gateway.event_stream import EventStream
from app.gateway.known_tasks import require_ready
from app.gateway.openai import chat_answer
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.chat_stream import ChatStream
from app.gateway.openai.chat_tasks import ChatTask, chat_task
from app.gateway.openai.failures import failure
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.responses import WITH_BODY, refusals
from app.gateway.task_routes import IdempotencyKey, send
from topics.results import Result
from topics.signals import Signal

_WHOLE: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}}


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post(
        "/v1/chat/completions",
        responses={200: {"content": _WHOLE}, **refusals(404, 409, 429, 502, 504, *WITH_BODY)},
    )
    async def complete(asked: ChatRequest, idempotency_key: IdempotencyKey = None) -> Response:
        """Answer a conversation: by a workflow, a configured model, or the router."""
        require_ready(parts.log)
        require_read(parts)
        chat = chat_task(parts, asked, idempotency_key)
        if asked.stream:
            return await _streamed(parts, chat, asked, once=idempotency_key is not None)
        await send(parts.log, chat.task, once=idempotency_key is not None)
        result = await parts.log.wait(chat.id, LONGEST_SECONDS)
        if result is None:
            text = f"there is no answer yet: GET /v1/results/{chat.id}"
            raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, "no_answer_yet", text, headers={"X-Should-Retry": "false"})
        return JSONResponse(chat_answer.completion(chat, _succeeded(result)), headers=_headers(chat, result))

    return router


async def _streamed(parts: Parts, chat: ChatTask, asked: ChatRequest, *, once: bool) -> Response:
    with ExitStack() as stack:
        stream = stack.enter_context(parts.answer(chat.id))
        await send(parts.log, chat.task, once=once)
        cancellation = Signal(task_id=chat.id, kind="cancel", name="the client has gone", actor="gateway")
        stack.callback(lambda: None if stream.ended else parts.log.signal_soon(cancellation))
        first = await stream.next()  # so that a run that fails at once is answered by a status
        if isinstance(first, Result):
            _succeeded(first)
        return EventStream(ChatStream(chat, asked).events(stream, first), stack.pop_all(), _headers(chat))


def _succeeded(result: Result) -> Result:
    if result.status != "succeeded":
        raise failure(result)
    return result


def _headers(chat: ChatTask, result: Result | None = None) -> dict[str, str]:
    headers = {"X-Meta-AI-Run-Id": chat.id}
    if result:
        headers |= {"X-Meta-AI-Cost": f"{result.usage.cost:g}", "X-Meta-AI-Degraded": str(result.degraded).lower()}
    return headers
