"""An answer while it is made: over as many connections as it takes, each piece once."""

from __future__ import annotations

from http import HTTPStatus

from meta_ai_orchestrator._client.actions import Close, Emit, Emits, Read, Response, Sleep, parsed
from meta_ai_orchestrator._client.calls import Call, path
from meta_ai_orchestrator._client.core import Core
from meta_ai_orchestrator._client.errors import APIConnectionError, APIError, InvalidResponseError
from meta_ai_orchestrator._client.retries import retry_delay
from meta_ai_orchestrator._client.sse import EventParser, ServerSentEvent
from meta_ai_orchestrator._client.task_waits import unknown_yet
from meta_ai_orchestrator.types import Result, ResultChunk

_RESULT = "result"


class TaskStream:
    """Follows one task. `is_new` says that it was just sent, so that a gateway may not know it yet."""

    def __init__(self, core: Core, task_id: str, *, last_event_id: str = "", is_new: bool = False) -> None:
        self._core = core
        self._task_id = task_id
        self._last = last_event_id
        self._is_new = is_new
        self._failures = 0

    def items(self) -> Emits[ResultChunk | Result]:
        """Hand out each piece once, then the result; connections that are cut are opened again where they were."""
        while True:
            try:
                return (yield from self._connection())
            except (APIError, APIConnectionError) as error:
                delay = retry_delay(error, self._failures)
                if delay is None and self._is_new:
                    delay = unknown_yet(error)
                if delay is None or self._failures >= self._core.options.max_retries:
                    raise
            self._failures += 1
            yield Close()
            yield Sleep(delay)

    def _connection(self) -> Emits[ResultChunk | Result]:
        """Hand out what one connection brings, up to the result."""
        response = yield from self._core.open(self._call())
        if response.status == HTTPStatus.NO_CONTENT:
            return
        _require_events(response)
        parser = EventParser()
        while content := (yield Read()):
            self._failures = 0  # it goes on
            for event in parser.feed(content):
                if not self._is_after(event):
                    continue
                if item := _item(event):
                    yield Emit(item)
                self._last = event.id
                if event.event == _RESULT:
                    yield Close()
                    return
        raise APIConnectionError("the stream ended before the result")

    def _call(self) -> Call[None]:
        headers = {"accept": "text/event-stream"}
        if self._last:
            headers["last-event-id"] = self._last
        return Call(lambda _: None, "GET", path("/v1/tasks", self._task_id, "events"), headers=headers)

    def _is_after(self, event: ServerSentEvent) -> bool:
        """Whether an event has not come before: the ids of pieces are numbers that grow."""
        if event.id == _RESULT or not self._last:
            return True
        if not (event.id.isdecimal() and self._last.isdecimal()):
            raise InvalidResponseError("an event of the stream has no valid id")
        return int(event.id) > int(self._last)


def _require_events(response: Response) -> None:
    kind = response.headers.get("content-type", "nothing")
    if not kind.startswith("text/event-stream"):
        raise InvalidResponseError(f"the answer is {kind} instead of events: is base_url right?")


def _item(event: ServerSentEvent) -> ResultChunk | Result | None:
    """Return what an event brings; None if a newer gateway sends what is not known here."""
    match event.event:
        case "piece":
            return ResultChunk(parsed(event.data))
        case "result":
            return Result(parsed(event.data))
        case _:
            return None
