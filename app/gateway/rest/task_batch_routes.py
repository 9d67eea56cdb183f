"""`POST /v1/tasks/batch`: many tasks in one request, one a line."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from http import HTTPStatus
from typing import Any

from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.errors import BrokerError, InvalidEvent
from app.gateway.access.admission import Caller
from app.gateway.guard import MAX_DEPTH, depth
from app.gateway.json_lines import read_lines
from app.gateway.openapi import refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal, as_refusal, invalid_body
from app.gateway.rest.task_routes import Key, TaskRequest, accept
from app.security.principal import Principal

PATH = "/v1/tasks/batch"
MEDIA_TYPES = frozenset({"application/x-ndjson", "application/jsonl"})
#: Lines of one request; their outcomes are held in memory until all are known.
MOST_LINES = 10_000
#: Tasks that the broker has not acknowledged yet, of one request, and how large they may be together.
_MOST_PENDING, _MOST_PENDING_BYTES = 64, 8 * 1024 * 1024
_LINES: dict[str, Any] = {"schema": {"type": "string"}}


class TaskLine(TaskRequest):
    """A task in a line; `idempotency_key` is what the header is for a single one."""

    idempotency_key: Key | None = None


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post(
        PATH,
        responses={200: {"content": {"application/x-ndjson": _LINES}}, **refusals(415)},
        openapi_extra={"requestBody": {"required": True, "content": dict.fromkeys(sorted(MEDIA_TYPES), _LINES)}},
        response_class=Response,
    )
    async def submit(request: Request, caller: Caller) -> Response:
        """Accept a task for each line, and return what became of each, in their order."""
        parts.log.require_read()
        return Response(b"".join(await _Submission(parts, caller).outcomes(request)), media_type="application/x-ndjson")

    return router


class _Submission:
    """Sends the tasks of one request: several at once, and no more after the broker has failed."""

    def __init__(self, parts: Parts, caller: Principal) -> None:
        self._parts = parts
        self._caller = caller
        self._max_bytes = parts.settings.delivery.max_event_bytes
        self._pending: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        self._pending_bytes = 0
        self._outcomes: list[bytes] = []
        self._broken: Refusal | None = None

    async def outcomes(self, request: Request) -> list[bytes]:
        """Return a line for each task; the last one says why no more were read, if that is so."""
        number, stopped = 0, b""
        async with asyncio.TaskGroup() as group:
            try:
                async for line, _ in read_lines(request.stream(), self._max_bytes):
                    number += 1
                    # What is beyond the limit is read too: a client that is still sending would not see the answer.
                    if line != b"" and number <= MOST_LINES:
                        await self._make_room(len(line or b""))
                        task = group.create_task(self._outcome(number, line))
                        self._pending.append((len(line or b""), task))
            except Refusal as refusal:
                stopped = _refused(number + 1, refusal)
            while self._pending:
                await self._take_oldest()
        if number > MOST_LINES:
            text = f"a request has at most {MOST_LINES} lines; send this line and those after it in another request"
            too_many = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_lines", text)
            stopped = _refused(MOST_LINES + 1, too_many)
        return [*self._outcomes, stopped]

    async def _make_room(self, size: int) -> None:
        self._pending_bytes += size
        while self._pending and (len(self._pending) >= _MOST_PENDING or self._pending_bytes > _MOST_PENDING_BYTES):
            await self._take_oldest()

    async def _take_oldest(self) -> None:
        size, task = self._pending.popleft()
        self._outcomes.append(await task)
        self._pending_bytes -= size

    async def _outcome(self, number: int, line: bytes | None) -> bytes:
        try:
            if self._broken:
                raise self._broken
            asked = self._read(line)
            task_id = await accept(self._parts, self._caller, asked, asked.idempotency_key)
        except (Refusal, InvalidEvent, RequestValidationError) as error:
            return _refused(number, as_refusal(error))
        except (BrokerError, KafkaError) as error:
            self._broken = as_refusal(error)
            return _refused(number, self._broken)
        return _line({"line": number, "status": "accepted", "id": task_id, "result": f"/v1/results/{task_id}"})

    def _read(self, line: bytes | None) -> TaskLine:
        if line is None:
            text = f"the line is larger than delivery.max_event_bytes allows ({self._max_bytes}); send a reference"
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", text)
        if depth(line) > MAX_DEPTH:
            text = f"the line is nested more than {MAX_DEPTH} deep; flatten it"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "too_deep", text)
        try:
            return TaskLine.model_validate_json(line)
        except ValidationError as error:
            if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
                text = "the line is not valid JSON"
                raise Refusal(HTTPStatus.BAD_REQUEST, "not_json", text) from None
            raise invalid_body(error) from None


def _refused(number: int, refusal: Refusal) -> bytes:
    problem = {"status": refusal.status.value, "code": refusal.code, "detail": refusal.detail, **refusal.members}
    return _line({"line": number, "status": "refused", "problem": problem})


def _line(outcome: dict[str, Any]) -> bytes:
    return json.dumps(outcome, separators=(",", ":")).encode() + b"\n"
