"""What writes the events of a streamed answer, whatever their form."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from fastapi import Response
from fastapi.sse import format_sse_event

from app.errors import BrokerError
from app.gateway.answer_feed import Piece
from app.gateway.answer_stream import LONGEST_SECONDS, AnswerStream
from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.answers.failures import failure
from app.gateway.answers.live_text import LiveText
from app.gateway.answers.reading import content
from app.gateway.event_stream import KEEP_ALIVE, EventStream
from app.gateway.parts import Parts
from app.gateway.problems import Refusal, as_refusal
from app.gateway.task_routes import send
from topics.result_chunks import ResultChunk
from topics.results import Result
from topics.signals import Signal


class AnswerWriter(ABC):
    """Writes one answer: a form of its events is a class with the methods that are missing here."""

    def __init__(self, chat: ChatTask) -> None:
        self.chat = chat
        self._live = LiveText()

    async def events(self, stream: AnswerStream, first: Piece | Result | None) -> AsyncGenerator[bytes]:
        """Yield the events of the answer, of which the first thing to be told is known."""
        for event in self.begin():
            yield event
        told = first
        try:
            while not isinstance(told, Result):
                for event in (KEEP_ALIVE,) if told is None else self._piece(told[1]):
                    yield event
                told = await stream.next()
        except (BrokerError, TimeoutError) as error:
            stopped = Refusal.unavailable("stopped", "the gateway stopped before the answer was complete; ask again")
            yield self.error(as_refusal(error) if isinstance(error, BrokerError) else stopped)
            return
        for event in self._end(told):
            yield event

    @abstractmethod
    def begin(self) -> Iterable[bytes]:
        """Return what comes first."""

    @abstractmethod
    def text(self, new: str) -> Iterable[bytes]:
        """Return what tells more of the text."""

    @abstractmethod
    def reasoning(self, new: str) -> Iterable[bytes]:
        """Return what tells more of the reasoning."""

    @abstractmethod
    def end(self, result: Result) -> Iterable[bytes]:
        """Return what comes when the text is complete."""

    @abstractmethod
    def error(self, refusal: Refusal) -> bytes:
        """Return what ends an answer that cannot be completed."""

    def _piece(self, piece: ResultChunk) -> Iterable[bytes]:
        if piece.step != self.chat.step:
            return ()
        if piece.kind == "reasoning":
            return self.reasoning(piece.text) if piece.text else ()
        new = self._live.add(piece)
        return self.text(new) if new else ()

    def _end(self, result: Result) -> Iterator[bytes]:
        if result.status != "succeeded":
            yield self.error(failure(result))
            return
        rest = self._live.finish(content(result))
        if rest is None:
            text = f"the answer was begun anew: GET /v1/results/{result.task_id} has it"
            yield self.error(Refusal(HTTPStatus.BAD_GATEWAY, "stream_restarted", text))
            return
        if rest:
            yield from self.text(rest)
        yield from self.end(result)


def event(body: dict[str, Any], name: str | None = None) -> bytes:
    """Return an event."""
    # Of a surrogate that no UTF-8 has, JSON has a word: its escape.
    return format_sse_event(data_str=json.dumps(body, separators=(",", ":")), event=name)


async def whole(parts: Parts, chat: ChatTask, *, once: bool) -> Result:
    """Send a task, and return its result.

    Raises:
        Refusal: it has failed, or there is none yet.
    """
    await send(parts.log, chat.task, once=once)
    result = await parts.log.wait(chat.id, LONGEST_SECONDS)
    if result is None:
        text = f"there is no answer yet: GET /v1/results/{chat.id}"
        raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, "no_answer_yet", text, headers={"X-Should-Retry": "false"})
    return _succeeded(result)


async def streamed(parts: Parts, writer: AnswerWriter, *, once: bool) -> Response:
    """Send a task, and return the stream of its answer; a client that leaves it cancels the run.

    Raises:
        Refusal: it has failed before there was anything to stream.
    """
    chat = writer.chat
    with ExitStack() as stack:
        stream = stack.enter_context(parts.answer(chat.id))
        await send(parts.log, chat.task, once=once)
        cancellation = Signal(task_id=chat.id, kind="cancel", name="the client has gone", actor="gateway")
        stack.callback(lambda: None if stream.ended else parts.log.signal_soon(cancellation))
        first = await stream.next()  # so that a run that fails at once is answered by a status
        if isinstance(first, Result):
            _succeeded(first)
        return EventStream(writer.events(stream, first), stack.pop_all(), headers(chat))


def headers(chat: ChatTask, result: Result | None = None) -> dict[str, str]:
    """Return the headers of an answer, those of its result only once there is one."""
    known = {"X-Meta-AI-Run-Id": chat.id}
    if result:
        known |= {"X-Meta-AI-Cost": f"{result.usage.cost:g}", "X-Meta-AI-Degraded": str(result.degraded).lower()}
    return known


def _succeeded(result: Result) -> Result:
    if result.status != "succeeded":
        raise failure(result)
    return result
