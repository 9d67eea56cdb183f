"""Assemble a streamed answer of Chat Completions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, ValidationError

from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat_parsing import ChatMessage, ChatToolCall, Logprobs, content_filtered, finish_reason_of
from app.models.openai.chat_usage import ChatUsage
from app.models.openai.logprobs import Token, logprobs
from topics.model_requests import ToolCall


class _Choice(BaseModel):
    delta: ChatMessage = ChatMessage()
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class _Chunk(BaseModel):
    choices: tuple[_Choice, ...] | None = None
    usage: ChatUsage | None = None
    error: JsonValue = None


class ChatStreamAssembler:
    """Builds an answer from its chunks, until `[DONE]`."""

    def __init__(self, errors: ErrorTranslator) -> None:
        self.done = False
        self._errors = errors
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._tokens: list[Token] = []
        self._calls = _Calls()
        self._usage = ChatUsage()
        self._reason: str | None = None

    def add(self, name: str, data: str) -> Delta | None:
        """Add one event, and return the delta that it contains."""
        if data == "[DONE]":
            self.done = True
            return None
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError:
            raise self._errors.malformed(data.encode()) from None
        if chunk.error or name == "error":
            raise self._errors.reported(chunk.error or json.loads(data))
        self._usage = chunk.usage or self._usage
        return self._take(chunk.choices[0]) if chunk.choices else None

    def completion(self) -> Completion:
        """Return the complete answer."""
        if problem := content_filtered(self._reason, "".join(self._refusal), self._errors):
            raise problem
        if self._reason is None:
            raise self._errors.broken("the stream ended without a finish reason")
        calls = self._calls.made()
        return Completion(
            "".join(self._text),
            finish_reason_of(self._reason, calls),
            self._usage.usage(),
            "".join(self._reasoning),
            calls,
            logprobs(self._tokens),
        )

    def _take(self, choice: _Choice) -> Delta | None:
        self._reason = choice.finish_reason or self._reason
        said = choice.delta
        if choice.logprobs:
            self._tokens.extend(choice.logprobs.content or ())
        for call in said.tool_calls or ():
            self._calls.add(call)
        if said.refusal:
            self._refusal.append(said.refusal)
        text, reasoning_text = said.text, said.reasoning_text
        if not text and not reasoning_text:
            return None
        self._text.append(text)
        self._reasoning.append(reasoning_text)
        return Delta(text, reasoning_text)


@dataclass(slots=True)
class _OpenCall:
    index: int | None
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)


class _Calls:
    """The tool calls, which servers send in fragments or whole; some omit the index or the id."""

    def __init__(self) -> None:
        self._open: list[_OpenCall] = []
        self._last: dict[int | None, _OpenCall] = {}  # the last one of each index

    def add(self, piece: ChatToolCall) -> None:
        call = self._begun(piece)
        if call is None:
            call = self._last[piece.index] = _OpenCall(piece.index, "", "")
            self._open.append(call)
        call.id = call.id or piece.id or ""
        call.name = call.name or piece.function.name or ""
        call.arguments.append(piece.function.arguments or "")

    def made(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(id=call.id or f"call_{place}", name=call.name, arguments="".join(call.arguments))
            for place, call in enumerate(self._open)
        )

    def _begun(self, piece: ChatToolCall) -> _OpenCall | None:
        """Return the call that a piece goes on with."""
        latest = self._open[-1] if self._open else None
        call = latest if piece.index is None else self._last.get(piece.index)
        return None if call is None or _is_another(piece, call) else call


def _is_another(piece: ChatToolCall, call: _OpenCall) -> bool:
    if piece.id and call.id:
        return piece.id != call.id
    return piece.index is None and bool(piece.function.name)
