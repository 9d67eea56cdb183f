"""`/v1/messages`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.gateway.access.admission import Caller
from app.gateway.answers.answering import ANSWERS, answer
from app.gateway.anthropic.message_answer import MessageStream, message
from app.gateway.anthropic.message_request import MessageRequest
from app.gateway.parts import Parts
from app.gateway.rest.task_routes import IdempotencyKey


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post("/v1/messages", responses=ANSWERS)
    async def respond(
        request: Request, asked: MessageRequest, caller: Caller, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Answer a conversation, in the form of Anthropic's API."""
        return await answer(
            parts, request, caller, asked, idempotency_key, writer=lambda chat: MessageStream(chat, asked), body=message
        )

    return router
