"""Assemble a streamed answer of the Responses API."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.openai.responses_parsing import REASONING_SEPARATOR, Reply, completion, reasoning_text

M = TypeVar("M", bound=BaseModel)

_TEXT_EVENTS = "response.output_text.delta"
_REASONING_EVENTS = {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
_NEXT_REASONING_PART = "response.reasoning_summary_part.added"
_FINAL_EVENTS = {"response.completed", "response.incomplete", "response.failed"}


class _Event(BaseModel):
    type: str = ""
    delta: Any = None
    error: Any = None


class _FinalEvent(BaseModel):
    response: Reply


class ResponsesStreamAssembler:
    """Builds an answer from its events, until one says how the response ended."""

    def __init__(self, errors: ErrorTranslator) -> None:
        self._errors = errors
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._thought = False
        self._last: Reply | None = None

    @property
    def done(self) -> bool:
        """Whether the last event has arrived."""
        return self._last is not None

    def add(self, name: str, data: str) -> Delta | None:
        """Add one event, and return the delta that it contains."""
        event = self._parse(_Event, data)
        kind = event.type or name
        if kind == "error":
            raise self._errors.reported(event.error or json.loads(data))
        if kind in _FINAL_EVENTS:
            self._last = self._parse(_FinalEvent, data).response
            return self._unshown(self._last)
        if kind == _NEXT_REASONING_PART and self._thought:
            return self._show(Delta(reasoning=REASONING_SEPARATOR))
        if kind != _TEXT_EVENTS and kind not in _REASONING_EVENTS:
            return None
        if not isinstance(event.delta, str):
            raise self._errors.malformed(data.encode())
        return self._show(Delta(event.delta) if kind == _TEXT_EVENTS else Delta(reasoning=event.delta))

    def completion(self) -> Completion:
        """Return the complete answer."""
        if self._last is None:
            raise self._errors.broken("the stream ended without a finish reason")
        # What was streamed counts, should the final text differ.
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        return replace(completion(self._last, self._errors, shown=text), text=text, reasoning=reasoning)

    def _parse(self, kind: type[M], data: str) -> M:
        try:
            return kind.model_validate_json(data)
        except ValidationError:
            raise self._errors.malformed(data.encode()) from None

    def _unshown(self, reply: Reply) -> Delta | None:
        """Return the text that some gateways send only at the end."""
        text = _not_yet_shown("".join(part.text for part in reply.parts("output_text")), "".join(self._text))
        shown = _not_yet_shown(reasoning_text(reply), "".join(self._reasoning))
        return self._show(Delta(text, shown)) if text or shown else None

    def _show(self, delta: Delta) -> Delta:
        self._text.append(delta.text)
        self._reasoning.append(delta.reasoning)
        self._thought = self._thought or bool(delta.reasoning)
        return delta


def _not_yet_shown(whole: str, shown: str) -> str:
    return whole.removeprefix(shown) if whole.startswith(shown) else ""
