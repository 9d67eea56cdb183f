"""Parse server-sent events as they arrive (WHATWG HTML, section 9.2), and JSON that stands where events should."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from app.errors import Unavailable
from app.models.answers.json_data import DONE, text_of, values_in

#: Bytes; no provider's events come near it, and larger ones would only exhaust memory.
MAX_EVENT_BYTES = 4 * 1024 * 1024

_BYTE_ORDER_MARKS = re.compile("(?:\ufeff)++".encode())
# Some servers write the names of fields in capitals, or indent them; llama.cpp has a field of its own for errors.
_FIELD = re.compile(rb"\s*+(?:(?:data|event|id|retry|error)?\s*+:|(?:data|event|id|retry)\Z)", re.IGNORECASE)

#: The name of an event, by default `message`, and its data; invalid UTF-8 in it is `surrogateescape`d.
Event = tuple[str, str]


async def events(chunks: AsyncIterator[bytes], reader: EventReader) -> AsyncGenerator[Event]:
    """Yield each event in `chunks`, which may be split anywhere.

    Raises:
        Unavailable: as `EventReader.feed`.
    """
    async for chunk in chunks:
        for event in reader.feed(chunk):
            yield event
    for event in reader.close():
        yield event


class EventReader:
    """Reads events, each of at most `longest` bytes, and takes a line that begins as JSON does for one of them.

    `framed` tells that there were events, `unframed` that there was such a line, and `marked` that there was a byte
    order mark. A body that claims to be something else `instead`, a content type, must begin with one of these. Other
    lines are events too: they may say what is wrong. `charset` is what was declared.
    """

    def __init__(
        self,
        provider: str = "",
        longest: int = MAX_EVENT_BYTES,
        *,
        instead: str = "",
        charset: str | None = None,
    ) -> None:
        self.framed = self.unframed = self.marked = False
        self._instead = instead
        self._provider = provider
        self._longest = longest
        self._charset = charset
        self._parts: list[bytes] = []  # parts of the incomplete line
        self._size = 0  # its bytes
        self._name = ""
        self._data: list[bytes] = []
        self._loose: list[bytes] = []  # lines of a JSON value that may not be complete
        self._held = 0  # bytes in `_data` or `_loose`

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that `chunk` completes.

        Raises:
            Unavailable: an event is too long, or the body is something else.
        """
        for line in self._lines(chunk):
            yield from self._line(line)

    def close(self) -> Iterator[Event]:
        """Yield what is complete at the end, though no empty line follows it; the rest is dropped."""
        last = b"".join(self._parts).rstrip(b"\r\n")
        self._parts, self._size = [], 0
        if last:
            yield from self._line(last)
        yield from self._close_loose()
        data = self._text(self._data)
        if data == DONE or _is_json(data):
            yield from self._dispatch()
        self._check_begun()

    def _check_begun(self) -> None:
        if self._instead and not (self.framed or self.unframed):
            why = f"the answer is not an event stream but {self._instead}"
            raise Unavailable(why, provider=self._provider)

    def _line(self, line: bytes) -> Iterator[Event]:
        if marks := _BYTE_ORDER_MARKS.match(line):
            line, self.marked = line[marks.end() :], True
        field = bool(_FIELD.match(line))
        if self._loose and not field:
            self._hold(self._loose, line)
            return
        yield from self._close_loose()
        if line.lstrip()[:1] in {b"{", b"["}:
            yield from self._dispatch()
            self.unframed = True
            self._hold(self._loose, line)
            if _is_json(self._text([line])):
                yield from self._close_loose()
        elif not line:
            yield from self._dispatch()
        elif field:
            self.framed = True
            yield from self._field(line)
        elif line.strip():
            self._check_begun()
            yield "message", self._text([line])

    def _dispatch(self) -> Iterator[Event]:
        if self._data:
            yield self._name or "message", self._text(self._data)
        self._name, self._data, self._held = "", [], 0

    def _close_loose(self) -> Iterator[Event]:
        """Yield the JSON in the lines that are held: one value, or one in each line."""
        lines, self._loose = self._loose, []
        if not lines:
            return
        self._held = 0
        values = [self._text(lines)]
        if len(lines) > 1 and not _is_json(values[0]):
            values = [text for text in (self._text([line]) for line in lines) if _is_json(text)] or values
        yield from (("message", value) for value in values)

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` ends; they may end in CR, LF or both."""
        self._parts.append(chunk)
        self._size += len(chunk)
        if b"\n" not in chunk and b"\r" not in chunk and not self._after_return():
            self._check(self._size)
            return []
        lines = b"".join(self._parts).splitlines(keepends=True)
        # A carriage return at the end may be the first half of a CRLF.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        self._parts, self._size = [rest] if rest else [], len(rest)
        self._check(self._size)
        return [line.rstrip(b"\r\n") for line in lines]

    def _after_return(self) -> bool:
        return len(self._parts) > 1 and self._parts[-2].endswith(b"\r")

    def _field(self, line: bytes) -> Iterator[Event]:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name.strip().lower():
            case b"data":
                if len(self._data) == 1 and _is_json(self._text(self._data)):  # no empty line between two events
                    self.unframed = True
                    yield from self._dispatch()
                self._hold(self._data, value)
            case b"error":
                self._name = "error"
                self._hold(self._data, value)
            case b"event":
                self._name = value.decode(errors="replace").strip()

    def _text(self, lines: list[bytes]) -> str:
        data = b"\n".join(lines)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return text_of(data, self._charset)

    def _hold(self, lines: list[bytes], line: bytes) -> None:
        self._held += len(line) + 1  # for the line end: without it, empty lines would count for nothing
        self._check(self._held)
        lines.append(line)

    def _check(self, size: int) -> None:
        if size > self._longest:
            raise Unavailable(f"an event of the stream is longer than {self._longest} bytes", provider=self._provider)


def _is_json(text: str) -> bool:
    if not text.rstrip().endswith(("}", "]")):
        return False
    try:
        return not values_in(text)[1]
    except ValueError:
        return False
