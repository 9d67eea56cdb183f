"""`/v1/chat/completions` and `/v1/responses`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.gateway.access.admission import Caller
from app.gateway.answers.answering import ANSWERS, answer
from app.gateway.openai import chat_answer, response_answer
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.chat_stream import ChatStream
from app.gateway.openai.response_request import ResponseRequest
from app.gateway.openai.response_stream import ResponseStream
from app.gateway.parts import Parts
from app.gateway.rest.task_routes import IdempotencyKey


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post("/v1/chat/completions", responses=ANSWERS)
    async def complete(
        request: Request, asked: ChatRequest, caller: Caller, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Answer a conversation: by a workflow, a configured model, or the router."""
        return await answer(
            parts,
            request,
            caller,
            asked,
            idempotency_key,
            writer=lambda chat: ChatStream(chat, asked),
            body=chat_answer.completion,
        )

    @router.post("/v1/responses", responses=ANSWERS)
    async def respond(
        request: Request, asked: ResponseRequest, caller: Caller, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Answer a conversation, in the form of OpenAI's newer API."""
        return await answer(
            parts,
            request,
            caller,
            asked,
            idempotency_key,
            writer=lambda chat: ResponseStream(chat, asked),
            body=lambda chat, result: response_answer.response(chat, asked, result),
        )

    return router
