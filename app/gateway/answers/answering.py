"""What the routes of conversations share: the task, and its answer, whole or as a stream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.gateway.answers.answer_writer import AnswerWriter
from app.gateway.answers.bodies import AnswerRequest
from app.gateway.answers.chat_tasks import ChatTask, chat_task
from app.gateway.answers.failures import failure
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.disconnects import ClientGone, cancellation, unless_gone
from app.gateway.rest.event_stream import EventStream
from app.gateway.rest.task_routes import send
from app.gateway.views.answer_stream import LONGEST_SECONDS
from app.security.principal import Principal
from topics.results import Result

_FORMS: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}}
#: How the OpenAPI document describes the answers.
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": _FORMS},
    **refusals(404, 409, 429, 502, 504, *WITH_BODY),
}


async def answer(
    parts: Parts,
    request: Request,
    caller: Principal,
    asked: AnswerRequest,
    key: str | None,
    *,
    writer: Callable[[ChatTask], AnswerWriter],
    body: Callable[[ChatTask, Result], dict[str, Any]],
) -> Response:
    """Have a conversation answered; `writer` writes the stream, `body` the whole answer, `key` is for idempotency.

    Raises:
        Refusal: it cannot be asked, or has failed, or there is no answer yet.
        BrokerError: the broker does not answer in time.
    """
    parts.log.require_read()
    parts.catalog.require_read()
    chat, once = await chat_task(parts, caller, asked, key), key is not None
    if asked.stream:
        cancels = asked.meta_ai.on_disconnect != "continue"
        return await _streamed(parts, caller, writer(chat), once=once, cancels=cancels)
    await send(parts, caller, chat.task, once=once)
    whole = _whole(parts, chat)
    try:
        result = await (unless_gone(request, whole) if asked.meta_ai.on_disconnect == "cancel" else whole)
    except ClientGone:
        parts.log.signal_soon(cancellation(chat.id))
        return Response()
    return JSONResponse(body(chat, result), headers=_headers(chat, result))


async def _whole(parts: Parts, chat: ChatTask) -> Result:
    """Return the result of a task that was sent.

    Raises:
        Refusal: it has failed, or there is none yet.
    """
    result = await parts.log.wait(chat.id, LONGEST_SECONDS)
    if result is None:
        text = f"there is no answer yet: GET /v1/results/{chat.id}"
        raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, "no_answer_yet", text, headers={"X-Should-Retry": "false"})
    return _succeeded(result)


async def _streamed(parts: Parts, caller: Principal, writer: AnswerWriter, *, once: bool, cancels: bool) -> Response:
    """Send a task, and return the stream of its answer; with `cancels`, a client that leaves it cancels the run.

    Raises:
        Refusal: it has failed before there was anything to stream.
    """
    chat = writer.chat
    with ExitStack() as stack:
        stream = stack.enter_context(parts.answer(chat.id))
        await send(parts, caller, chat.task, once=once)
        if cancels:
            stack.callback(lambda: None if stream.ended else parts.log.signal_soon(cancellation(chat.id)))
        first = await stream.next()  # so that a run that fails at once is answered by a status
        if isinstance(first, Result):
            _succeeded(first)
        return EventStream(writer.events(stream, first), stack.pop_all(), _headers(chat))


def _headers(chat: ChatTask, result: Result | None = None) -> dict[str, str]:
    """Return the headers of an answer, those of its result only once there is one."""
    known = {"X-Meta-AI-Run-Id": chat.id}
    if result:
        known |= {"X-Meta-AI-Cost": f"{result.usage.cost:g}", "X-Meta-AI-Degraded": str(result.degraded).lower()}
    return known


def _succeeded(result: Result) -> Result:
    if result.status != "succeeded":
        raise failure(result)
    return result
