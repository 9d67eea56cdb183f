"""What surrounds an event on the wire: CloudEvents 1.0 headers in Kafka's binary mode, and `traceparent`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from topics.base import Event, Topic

E = TypeVar("E", bound=Event)
Headers = list[tuple[str, bytes]]

_FIXED: Headers = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to send. `id` names this very event: sent again, it has the same id.

    Without a `partition` the key decides, as in any Kafka producer. `traceparent` is the parent's, for an
    event that no other event caused. `value` is sent as it is in place of the event's JSON.
    """

    topic: Topic[Any]
    key: str
    event: Event
    id: str
    partition: int | None = None
    traceparent: str | None = None
    value: bytes | None = None


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """An event as an agent gets it, with its place; `timestamp` is in epoch seconds.

    `unknown`, `notes` and `value` are those of `Decoded`.
    """

    event: E
    key: bytes | None
    id: str
    correlation_id: str
    traceparent: str | None
    topic: str
    partition: int
    offset: int
    timestamp: float
    unknown: Sequence[str] = ()
    notes: Sequence[str] = ()
    value: bytes | None = None


def first(headers: Sequence[tuple[str, bytes | None]], name: str) -> str | None:
    """Return the first value of a header as text; none when it is absent or not UTF-8."""
    for header, value in headers:
        if header == name and value:
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return None


def charset(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    """Return the charset that the header `content-type` declares, as in `application/json; charset=utf-16`."""
    for part in (first(headers, "content-type") or "").split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip()
    return None


def headers(outgoing: Outgoing, *, source: str, cause: Received[Any] | None, traceparent: str) -> Headers:
    """Return the headers of an event that `source` sends because of `cause`."""
    correlation = cause.correlation_id if cause else outgoing.key
    built = [
        *_FIXED,
        ("ce_id", outgoing.id.encode()),
        ("ce_type", outgoing.topic.type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", _moment(int(time.time() * 1000))),
        ("ce_correlationid", correlation.encode()),
        ("traceparent", traceparent.encode()),
    ]
    if cause:
        built.append(("ce_causationid", cause.id.encode()))
    return built


@lru_cache(maxsize=1)  # many events are sent in one and the same millisecond
def _moment(milliseconds: int) -> bytes:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").encode()


#: Makes the traceparent of an event from that of its cause.
Propagate = Callable[[str | None], str]
