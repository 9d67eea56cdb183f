"""An answer as the stream of Chat Completions."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Iterator
from http import HTTPStatus
from typing import Any

from fastapi.sse import format_sse_event

from app.errors import BrokerError
from app.gateway.answer_feed import Piece
from app.gateway.answer_stream import AnswerStream
from app.gateway.event_stream import KEEP_ALIVE
from app.gateway.openai import chat_answer
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.chat_tasks import ChatTask
from app.gateway.openai.errors import openai_error
from app.gateway.openai.failures import failure
from app.gateway.openai.live_text import LiveText
from app.gateway.problems import Refusal, as_refusal
from topics.result_chunks import ResultChunk
from topics.results import Result

_DONE = format_sse_event(data_str="[DONE]")


class ChatStream:
    """Writes the chunks of one answer."""

    def __init__(self, chat: ChatTask, asked: ChatRequest) -> None:
        self._chat = chat
        self._usage = asked.stream_options.include_usage
        self._model = asked.model
        self._created = int(time.time())
        self._live = LiveText()

    async def events(self, stream: AnswerStream, first: Piece | Result | None) -> AsyncGenerator[bytes]:
        """Yield the events of the answer, of which the first thing to be told is known."""
        yield self._chunk({"role": "assistant", "content": ""})
        told = first
        try:
            while not isinstance(told, Result):
                if told is None:
                    yield KEEP_ALIVE
                elif chunk := self._piece(told[1]):
                    yield chunk
                told = await stream.next()
        except (BrokerError, TimeoutError) as error:
            stopped = Refusal.unavailable("stopped", "the gateway stopped before the answer was complete; ask again")
            yield _error(as_refusal(error) if isinstance(error, BrokerError) else stopped)
            return
        for event in self._end(told):
            yield event

    def _piece(self, piece: ResultChunk) -> bytes:
        if piece.step != self._chat.step:
            return b""
        if piece.kind == "reasoning":
            return self._chunk({"reasoning_content": piece.text}) if piece.text else b""
        new = self._live.add(piece)
        return self._chunk({"content": new}) if new else b""

    def _end(self, result: Result) -> Iterator[bytes]:
        if result.status != "succeeded":
            yield _error(failure(result))
            return
        rest = self._live.finish(chat_answer.content(result))
        if rest is None:
            text = f"the answer was begun anew: GET /v1/results/{result.task_id} has it"
            yield _error(Refusal(HTTPStatus.BAD_GATEWAY, "stream_restarted", text))
            return
        if rest:
            yield self._chunk({"content": rest})
        calls = [{"index": at, **chat_answer.call(one)} for at, one in enumerate(result.tool_calls or ())]
        if calls:
            yield self._chunk({"tool_calls": calls})
        self._model = chat_answer.model_name(result)
        yield self._chunk({}, chat_answer.finish_reason(result), meta_ai=chat_answer.extension(self._chat, result))
        if self._usage:
            yield self._event({"choices": [], "usage": chat_answer.usage(result.usage)})
        yield _DONE

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._event({"choices": [choice], **({"usage": None} if self._usage else {}), **more})

    def _event(self, fields: dict[str, Any]) -> bytes:
        head = {"id": chat_answer.chat_id(self._chat), "object": "chat.completion.chunk", "created": self._created}
        return _data({**head, "model": self._model, **fields})


def _error(refusal: Refusal) -> bytes:
    return _data(openai_error(refusal))


def _data(body: dict[str, Any]) -> bytes:
    # Of a surrogate that no UTF-8 has, JSON has a word: its escape.
    return format_sse_event(data_str=json.dumps(body, separators=(",", ":")))
