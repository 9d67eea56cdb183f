"""The reader of a dialect, and how a body goes through it: a whole answer is a stream of one event."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from app.decoding import wide_encoding
from app.errors import ModelError
from app.models.answers.builder import AnswerBuilder
from app.models.answers.json_data import BLANK, DONE, mapping, objects, text_of, values_in
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.http.sse import EventReader
from app.models.http.told_error import error_in
from app.models.paid import paid_answer
from topics.model_responses import Usage

#: Characters; one more than the mark of the end has, with quotes around it.
_LONGEST_MARK = len(DONE) + 3


class AnswerAssembler(ABC):
    """Assembles one answer from its events, of which a whole answer is one.

    An answer is `done` with its last event. It is `finished` when its end is known: then it can be used without what
    may follow.
    """

    def __init__(self, errors: ErrorTranslator) -> None:
        self.answer = AnswerBuilder(errors)
        self.done = False
        self.reason: str | None = None  # why it ended, as `finish_reason` says
        self._whole = False  # whether an object was a whole answer
        self._stray = ""  # a text that stood where an event should

    @property
    def finished(self) -> bool:
        """Whether the end of the answer is known."""
        return self.reason is not None

    @property
    def usage(self) -> Usage:
        """What the provider has counted so far."""
        return self.answer.usage

    @property
    def partial(self) -> Completion:
        """All that the model has written so far, with `usage`."""
        return self.answer.partial

    def add(self, name: str, data: str) -> Delta | None:
        """Add one event, and return the delta that it contains.

        Raises:
            ModelError: the event reports an error, or does not have the documented format.
        """
        text = data.strip(BLANK)
        if not text:
            return None
        if len(text) < _LONGEST_MARK and text.strip('"').upper() == DONE:
            self.done = True
            return None
        try:
            values, rest = values_in(text)
        except ValueError:
            self._take_stray(name, text)
            return None
        if rest or len(values) > 1:
            self.answer.note("framing")
        delta = joined([self.add_value(name, value) for value in values])
        self.done = self.done or rest == DONE
        return delta

    def add_value(self, name: str, value: object) -> Delta | None:
        """Add one event that was parsed already; see `add`."""
        if told := error_in(value):
            self.answer.reports.add(mapping(value).get("usage"))
            raise self.answer.failed(self.answer.errors.told(told))
        if name == "error":
            raise self.answer.failed(self.answer.errors.reported(value))
        return joined([self._take(name, item) for item in objects(value)])

    def close(self, *, framed: bool) -> Delta | None:
        """Take in the end of the body, whose events were `framed` or JSON by themselves; return the last delta."""
        ended = self.done or (self._whole and not framed)
        if ended and self.reason is None and (self._whole or self.answer.begun):
            self.answer.note("finish")
            self.reason = "other"
        return self.answer.close()

    def completion(self) -> Completion:
        """Return the answer, once it is closed.

        Raises:
            ModelError: it is incomplete, or was withheld.
        """
        if self.reason is None and not self.answer.refusal:
            why = "the stream ended without a finish reason"
            raise self.answer.failed(self.answer.errors.broken(f"{why}: {self._stray}" if self._stray else why))
        return self.answer.completion(self.reason or "other")

    def _take_stray(self, name: str, text: str) -> None:
        """Leave out a text, such as a keep-alive; should the answer be incomplete, it may say why."""
        if name == "error" or text.startswith(("{", "[")):
            raise self.answer.failed(self.answer.errors.malformed(text))
        self.answer.note("framing")
        self._stray = self._stray or text

    @abstractmethod
    def _take(self, name: str, event: dict[str, Any]) -> Delta | None:
        """Take in an object of the dialect."""

    def _kind(self, name: str, event: Mapping[str, Any]) -> str:
        """Return the type of an event, which its name says if its data does not."""
        kind = event.get("type")
        if kind is not None and not isinstance(kind, str):
            raise self.malformed(event)
        return kind or name

    def malformed(self, event: object) -> ModelError:
        """Return the error of an event of another form."""
        return self.answer.failed(self.answer.errors.malformed(json.dumps(event)))


def joined(deltas: Sequence[Delta | None]) -> Delta | None:
    """Return several deltas as one."""
    found = [delta for delta in deltas if delta]
    if len(found) < 2:  # noqa: PLR2004  # several are to be joined
        return found[0] if found else None
    return Delta("".join(one.text for one in found), "".join(one.reasoning for one in found))


def read_answer(body: bytes, assembler: AnswerAssembler, charset: str | None = None) -> Completion:
    """Return the answer in a body: JSON, or events where a whole answer was asked for; `charset` is what was declared.

    Raises:
        ModelError: it does not have the documented format, is incomplete, or was withheld.
    """
    with paid_answer(body, assembler.answer.errors.provider):
        return _read(body, assembler, charset)


def _read(body: bytes, assembler: AnswerAssembler, charset: str | None) -> Completion:
    answer = assembler.answer
    if wide_encoding(body):
        answer.note("framing")
        body = text_of(body).encode(errors="replace")
    reader = EventReader(answer.errors.provider, len(body) + 1, charset=charset)
    for name, data in (*reader.feed(body), *reader.close()):
        assembler.add(name, data)
        if assembler.done:
            break
    if reader.framed or reader.marked:
        answer.note("framing")
    assembler.close(framed=reader.framed)
    if not assembler.finished and not reader.framed:
        raise answer.failed(answer.errors.malformed(text_of(body, charset))) from None
    return assembler.completion()
