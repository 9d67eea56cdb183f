"""Assemble a streamed answer of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from app.models.anthropic.parsing import Block, StopInfo, TokenCounts, build_completion, tool_call
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator


class _ContentDelta(StopInfo):
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _MessageStart(BaseModel):
    usage: TokenCounts


class _Event(BaseModel):
    type: str
    index: int = 0
    message: _MessageStart | None = None
    content_block: Block | None = None
    delta: _ContentDelta | None = None
    usage: TokenCounts | None = None
    error: Any = None


class MessageStreamAssembler:
    """Builds an answer from its events."""

    def __init__(self, errors: ErrorTranslator) -> None:
        self._errors = errors
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._uses: dict[int, tuple[Block, list[str]]] = {}
        self._stop = StopInfo()
        self._usage = TokenCounts()
        self.done = False

    def add(self, name: str, data: str) -> Delta | None:  # noqa: ARG002  # the data has the name, too
        """Add one event, and return the delta that it contains.

        Raises:
            ModelError: the event is an error, or does not have the documented format.
        """
        try:
            event = _Event.model_validate_json(data)
        except ValidationError:
            raise self._errors.malformed(data.encode()) from None
        if event.type == "error":
            raise self._errors.reported(event.error)
        if event.type == "message_stop":
            self.done = True
        if event.message:
            self._count(event.message.usage)
        if event.usage:
            self._count(event.usage)
        if event.delta and event.delta.stop_reason:
            self._stop = event.delta
        return self._content(event)

    def completion(self) -> Completion:
        """Return the complete answer after the last event.

        Raises:
            ContentFiltered: the model refused to answer.
            Unavailable: the stream ended early.
        """
        if not self.done or self._stop.stop_reason is None:
            raise self._errors.broken("the stream ended without a finish reason")
        return build_completion(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            calls=[tool_call(block, "".join(parts)) for block, parts in self._uses.values()],
            stop=self._stop,
            usage=self._usage,
            errors=self._errors,
        )

    def _count(self, usage: TokenCounts) -> None:
        # The counts of later events are totals, and replace the earlier ones.
        self._usage = self._usage.model_copy(update={name: value for name, value in usage if value is not None})

    def _content(self, event: _Event) -> Delta | None:
        if event.type == "content_block_start" and event.content_block:
            if event.content_block.type == "tool_use":
                self._uses[event.index] = (event.content_block, [])
            return self._piece(event.content_block.text, event.content_block.thinking)
        if event.type == "content_block_delta" and event.delta:
            if event.delta.partial_json and event.index in self._uses:
                self._uses[event.index][1].append(event.delta.partial_json)
            return self._piece(event.delta.text, event.delta.thinking)
        return None

    def _piece(self, text: str, reasoning: str) -> Delta | None:
        if not text and not reasoning:
            return None
        self._text.append(text)
        self._reasoning.append(reasoning)
        return Delta(text, reasoning)
