"""An answer as the stream of Chat Completions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from fastapi.sse import format_sse_event

from app.gateway.answers.answer_writer import AnswerWriter, event
from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.answers.reading import extension, model_name
from app.gateway.openai import chat_answer
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.errors import openai_error
from app.gateway.problems import Refusal
from topics.results import Result

_DONE = format_sse_event(data_str="[DONE]")


class ChatStream(AnswerWriter):
    """Writes the chunks of one answer."""

    def __init__(self, chat: ChatTask, asked: ChatRequest) -> None:
        super().__init__(chat)
        self._usage = asked.stream_options.include_usage
        self._model = asked.model
        self._created = int(time.time())

    def begin(self) -> Iterator[bytes]:
        """Return the role."""
        yield self._chunk({"role": "assistant", "content": ""})

    def text(self, new: str) -> Iterator[bytes]:
        """Return a chunk of text."""
        yield self._chunk({"content": new})

    def reasoning(self, new: str) -> Iterator[bytes]:
        """Return a chunk as other servers have it: OpenAI's own API shows no reasoning."""
        yield self._chunk({"reasoning_content": new})

    def end(self, result: Result) -> Iterator[bytes]:
        """Return the calls of tools, why it ends, and what it took."""
        calls = [{"index": at, **chat_answer.call(one)} for at, one in enumerate(result.tool_calls or ())]
        if calls:
            yield self._chunk({"tool_calls": calls})
        self._model = model_name(self.chat, result)
        yield self._chunk({}, chat_answer.finish_reason(result), meta_ai=extension(self.chat, result))
        if self._usage:
            yield self._event({"choices": [], "usage": chat_answer.usage(result.usage)})
        yield _DONE

    def error(self, refusal: Refusal) -> bytes:
        """Return the error in place of a chunk."""
        return event(openai_error(refusal))

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._event({"choices": [choice], **({"usage": None} if self._usage else {}), **more})

    def _event(self, fields: dict[str, Any]) -> bytes:
        head = {"id": chat_answer.chat_id(self.chat), "object": "chat.completion.chunk", "created": self._created}
        return event({**head, "model": self._model, **fields})
