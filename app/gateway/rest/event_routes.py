"""`/v1/tasks/{id}/events`: an answer while it is made, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.sse import format_sse_event

from app.gateway.access.admission import Caller
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.rest.event_stream import KEEP_ALIVE, EventStream
from app.gateway.rest.known_tasks import require_known
from app.gateway.views.answer_stream import AnswerStream
from topics.results import Result

#: The id of the last event: a browser that has it and asks again is told to stop.
_LAST = "result"

LastEventId = Annotated[
    str | None, Header(pattern=rf"^(\d{{1,18}}|{_LAST})$", description="goes on after this event, as browsers do")
]


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get(
        "/v1/tasks/{task_id}/events",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}, 204: {"description": "No more"}, **refusals(404)},
    )
    async def events(task_id: str, caller: Caller, last_event_id: LastEventId = None) -> Response:
        """Stream the pieces of a task's answer, then its result."""
        await require_known(parts.log, task_id, caller)
        if last_event_id == _LAST:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        with ExitStack() as stack:
            stream = stack.enter_context(parts.answer(task_id))
            begin = int(last_event_id) + 1 if last_event_id else 0
            moment = None if last_event_id else await _begin(parts, task_id)
            stream.replay(*await parts.feed.before(task_id, begin=begin, moment=moment))
            return EventStream(_events(stream), stack.pop_all())

    return router


async def _begin(parts: Parts, task_id: str) -> float | None:
    """Return when the task was put on its topic (epoch seconds)."""
    if task := await parts.log.task(task_id):
        return task.at
    result = await parts.log.result(task_id)
    return result.accepted_at.timestamp() if result else None


async def _events(stream: AnswerStream) -> AsyncGenerator[bytes]:
    try:
        while not stream.ended:
            match await stream.next():
                case None:
                    yield KEEP_ALIVE
                case Result() as result:
                    yield format_sse_event(event="result", data_str=result.to_json().decode(), id=_LAST)
                case offset, piece:
                    yield format_sse_event(event="piece", data_str=piece.to_json().decode(), id=str(offset))
    except TimeoutError:  # a browser asks again by itself, with the last id
        return
