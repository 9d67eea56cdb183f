"""Server-sent events, of bytes that come in any parts.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. The parsers of HTTP clients are tied to their
I/O.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """An event; what a gateway sends has an id."""

    event: str
    data: str
    id: str


class EventParser:
    """Turns bytes into events; an event that is not complete does not count."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._line: list[str] = []  # what has come of a line that has no end yet
        self._after_return = False
        self._fields: dict[str, list[str]] = {}

    def feed(self, content: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that are complete now."""
        text = self._decoder.decode(content)
        if not text:
            return
        if self._after_return and text[0] == "\n":
            text = text[1:]  # the other half of the end of a line
        self._after_return = text.endswith("\r")
        *ended, rest = _LINE_END.split(text)
        for part in ended:
            line = "".join([*self._line, part])
            self._line.clear()
            if event := self._take(line):
                yield event
        self._line.append(rest)

    def _take(self, line: str) -> ServerSentEvent | None:
        if line:
            name, _, value = line.partition(":")
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None  # a comment, which keeps the connection alive
        event, last = fields.get("event", ["message"])[-1], fields.get("id", [""])[-1]
        return ServerSentEvent(event, "\n".join(fields["data"]), last)
