"""What all events share: the frozen base model, and the topic that carries it.

Events evolve only by adding optional fields: an unknown field is ignored on read, so that an older
worker reads what a newer one wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.errors import InvalidEvent, OrchestratorError


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


@dataclass(frozen=True, slots=True)
class Topic(Generic[E]):
    """A topic and the one event kind that it carries.

    `name` is without the configured prefix. `key` says in words what the message key is. A `compacted`
    topic keeps the last value of each key; the others keep everything for the configured retention.
    """

    name: str
    event: type[E]
    type: str
    key: str
    summary: str
    compacted: bool = False

    def parse(self, value: bytes | None, *, max_bytes: int) -> E:
        """Return the event in `value`, a JSON object of at most `max_bytes` bytes.

        Raises:
            InvalidEvent: with the reason `null_value`, `too_large`, `not_utf8`, `not_json` or `invalid`.
        """
        if value is None:
            raise InvalidEvent("null_value", f"an event on {self.name} needs a JSON object as its value, not null")
        if len(value) > max_bytes:
            raise InvalidEvent(
                "too_large",
                f"{len(value)} bytes are more than delivery.max_event_bytes allows ({max_bytes}); send a reference",
            )
        try:
            return self.event.model_validate_json(value)
        except ValidationError as error:
            raise _explain(value, error) from None


def _explain(value: bytes, error: ValidationError) -> InvalidEvent:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        try:
            value.decode()
        except UnicodeDecodeError as problem:
            return InvalidEvent("not_utf8", f"the value is not UTF-8: {problem.reason} at byte {problem.start}")
        return InvalidEvent("not_json", first["msg"])
    where = ".".join(str(part) for part in first["loc"]) or "value"
    return InvalidEvent("invalid", f"{where}: {first['msg']}")
