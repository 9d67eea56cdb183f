"""What all events share: the frozen base model, and the topic that carries it.

Events evolve only by adding optional fields: an unknown field is ignored on read, so that an older
worker reads what a newer one wrote. In every optional field, null is as absent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from app.errors import InvalidEvent, OrchestratorError
from app.validation_messages import in_our_words
from topics import foreign


class Event(BaseModel):
    """The base of all events and of the value objects inside them: immutable, forward compatible."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_json(self) -> bytes:
        """Return the event as compact UTF-8 JSON without absent fields."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)


class Failure(Event):
    """Why a piece of work did not succeed: a stable `code` for programs, a `message` for people."""

    code: str
    message: str

    @classmethod
    def of(cls, error: OrchestratorError) -> Failure:
        """Return an error as a failure."""
        return cls(code=error.code, message=str(error))


E = TypeVar("E", bound=Event)
#: How many unknown keys an error names, and how many characters of each.
_MOST_SHOWN, _SHOWN = 5, 40


@dataclass(frozen=True, slots=True)
class Decoded(Generic[E]):
    """An event, and what was passed over when it was read.

    `unknown` are its keys that such events do not have; `notes` says what was changed in the JSON. `value` is the JSON
    as it was, in UTF-8; none of a null value.
    """

    event: E
    unknown: Sequence[str] = ()
    notes: Sequence[str] = ()
    value: bytes | None = None


@dataclass(frozen=True, slots=True)
class Topic(Generic[E]):
    """A topic and the one event kind that it carries.

    `name` is without the configured prefix. `key` says in words what the message key is. A `compacted`
    topic keeps the last value of each key; the others keep everything for the configured retention.
    Anybody may send events to an `open` topic. `tombstone` returns the event that a null value stands for, of its key.
    `delivery.max_event_bytes` is the limit of a `bounded` topic; of the others, only the broker has one.
    """

    name: str
    event: type[E]
    type: str
    key: str
    summary: str
    compacted: bool = False
    open: bool = False
    bounded: bool = True
    tombstone: Callable[[str], E] | None = None

    def parse(self, value: bytes | None, *, max_bytes: int) -> E:
        """Return the event in `value`, as `decode` does."""
        return self.decode(value, max_bytes=max_bytes).event

    def event_in(self, record: Any) -> E | None:
        """Return the event of a Kafka record that is read back, of whatever size; None of what is no event."""
        with suppress(InvalidEvent):
            return self.parse(record.value, max_bytes=len(record.value or b""))
        return None

    def decode(
        self, value: bytes | None, *, max_bytes: int, key: bytes | None = None, charset: str | None = None
    ) -> Decoded[E]:
        """Return the event in `value`, a JSON object of at most `max_bytes` bytes; `charset` is what was declared.

        Raises:
            InvalidEvent: with the reason `null_value`, `too_large`, `not_utf8`, `not_json` or `invalid`.
        """
        if value is None:
            return Decoded(self._of_null(key))
        if len(value) > max_bytes:
            raise InvalidEvent(
                "too_large",
                f"{len(value)} bytes are more than delivery.max_event_bytes allows ({max_bytes}); send a reference",
            )
        if not self.open:
            with suppress(ValidationError):  # what our own workers wrote needs no more
                return Decoded(self.event.model_validate_json(value), value=value)
        parsed = foreign.parse(value, charset, deep=not self.open)
        unknown = parsed.value.keys() - self.event.model_fields.keys() if isinstance(parsed.value, dict) else ()
        original = parsed.text.encode(errors="surrogatepass")
        return Decoded(self._validated(original, parsed.value, unknown), sorted(unknown), parsed.notes, original)

    def _of_null(self, key: bytes | None) -> E:
        if self.tombstone is None:
            raise InvalidEvent("null_value", f"an event on {self.name} needs a JSON object as its value, not null")
        with suppress(ValidationError):
            if name := foreign.key_text(key):
                return self.tombstone(name)
        text = f"null on {self.name} deletes what the message's key names; this key is missing, or not a valid id"
        raise InvalidEvent("null_value", text)

    def _validated(self, text: bytes, value: JsonValue, unknown: Collection[str]) -> E:
        """Return the event in a JSON text, or else in the value that was made of it, without the nulls in it."""
        with suppress(ValidationError):
            return self.event.model_validate_json(text)
        try:
            try:
                return self.event.model_validate(value)
            except ValidationError as error:
                _leave_out_nulls(value, error)
                return self.event.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            problem = (
                f"{where}: {in_our_words(first['type'], first['msg'], json=True)}"
                if where
                else "value: must be a JSON object"
            )
            beside = f"; unknown keys: {_names(unknown)}" if unknown else ""
            raise InvalidEvent("invalid", f"{problem}{foreign.hint(value) or beside}") from None


def _names(keys: Collection[str]) -> str:
    """Return the first of some keys, which may be anything, for an error."""
    shown = [key[:_SHOWN] if key.isprintable() else ascii(key[:_SHOWN]) for key in sorted(keys)[:_MOST_SHOWN]]
    return ", ".join(shown) + (" …" if len(keys) > _MOST_SHOWN else "")


def _leave_out_nulls(value: Any, error: ValidationError) -> None:
    """Take out each null that was refused. Of a field that is required, another error then says that it is missing."""
    for one in error.errors(include_url=False, include_context=False):
        if one["input"] is None and one["loc"]:
            *path, last = one["loc"]
            holder = value
            for part in path:
                holder = holder[part]
            if isinstance(holder, dict):
                holder.pop(last, None)
