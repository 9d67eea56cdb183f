"""What writes the events of a streamed answer, whatever their form."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi.sse import format_sse_event

from app.errors import BrokerError
from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.answers.failures import failure
from app.gateway.answers.live_text import LiveText
from app.gateway.answers.reading import content
from app.gateway.problems import Refusal, as_refusal
from app.gateway.rest.event_stream import KEEP_ALIVE
from app.gateway.views.answer_feed import Piece
from app.gateway.views.answer_stream import AnswerStream
from topics.result_chunks import ResultChunk
from topics.results import Result


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
