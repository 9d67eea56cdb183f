"""An answer as the stream of Responses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from app.gateway.answers.answer_writer import AnswerWriter, event
from app.gateway.answers.chat_tasks import ChatTask
from app.gateway.openai import response_answer
from app.gateway.openai.response_request import ResponseRequest
from app.gateway.problems import Refusal
from topics.model_requests import ToolCall
from topics.results import Result


class ResponseStream(AnswerWriter):
    """Writes the events of one answer: its text is the first item, each call of a tool a further one."""

    def __init__(self, chat: ChatTask, asked: ResponseRequest) -> None:
        super().__init__(chat)
        self._asked = asked
        self._created = int(time.time())
        self._number = 0
        self._text: list[str] = []
        self._place = {"output_index": 0, "item_id": f"msg_{chat.id}"}

    def begin(self) -> Iterator[bytes]:
        """Return that the answer is being made."""
        frame = response_answer.frame(self.chat, self._asked, "in_progress", self._created)
        yield self._event("response.created", response=frame)
        yield self._event("response.in_progress", response=frame)

    def text(self, new: str) -> Iterator[bytes]:
        """Return more of the text, before the first of it that there is one."""
        if not self._text:
            item = response_answer.message(self.chat, "", "in_progress")
            yield self._event("response.output_item.added", output_index=0, item=item)
            part = response_answer.text_part("")
            yield self._event("response.content_part.added", **self._place, content_index=0, part=part)
        self._text.append(new)
        yield self._event("response.output_text.delta", **self._place, content_index=0, delta=new, logprobs=[])

    def reasoning(self, new: str) -> Iterator[bytes]:  # noqa: ARG002  # the port's signature
        """Return nothing: OpenAI's API shows no reasoning."""
        return iter(())

    def end(self, result: Result) -> Iterator[bytes]:
        """Return that the text is complete, the calls of tools, and the whole."""
        whole = response_answer.response(self.chat, self._asked, result) | {"created_at": self._created}
        if self._text:
            yield from self._text_done("".join(self._text))
        for at, call in enumerate(result.tool_calls or ()):
            yield from self._call(at, at + bool(self._text), call)
        yield self._event(f"response.{whole['status']}", response=whole)

    def error(self, refusal: Refusal) -> bytes:
        """Return the error in place of what should come."""
        return self._event("error", code=refusal.code, message=refusal.detail, param=None)

    def _text_done(self, text: str) -> Iterator[bytes]:
        yield self._event("response.output_text.done", **self._place, content_index=0, text=text, logprobs=[])
        part = response_answer.text_part(text)
        yield self._event("response.content_part.done", **self._place, content_index=0, part=part)
        item = response_answer.message(self.chat, text)
        yield self._event("response.output_item.done", output_index=0, item=item)

    def _call(self, at: int, index: int, call: ToolCall) -> Iterator[bytes]:
        begun = response_answer.function_call(self.chat, at, call, "in_progress")
        place = {"output_index": index, "item_id": begun["id"]}
        yield self._event("response.output_item.added", output_index=index, item=begun)
        yield self._event("response.function_call_arguments.delta", **place, delta=call.arguments)
        done = {"name": call.name, "arguments": call.arguments}
        yield self._event("response.function_call_arguments.done", **place, **done)
        item = response_answer.function_call(self.chat, at, call)
        yield self._event("response.output_item.done", output_index=index, item=item)

    def _event(self, kind: str, **fields: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        return event({"type": kind, "sequence_number": number, **fields}, kind)
