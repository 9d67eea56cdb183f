"""Parse server-sent events as they arrive (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from app.errors import Unavailable

#: Bytes; no provider's events come near it, and larger ones would only exhaust memory.
MAX_EVENT_BYTES = 4 * 1024 * 1024


async def events(
    chunks: AsyncIterator[bytes], *, provider: str = "", longest: int = MAX_EVENT_BYTES
) -> AsyncGenerator[tuple[str, str]]:
    """Yield the name (by default `message`) and the data of each event in `chunks`, which may be split anywhere.

    An incomplete event at the end is dropped, as the standard says.

    Raises:
        Unavailable: an event is longer than `longest` bytes.
    """
    reader = _Reader(provider, longest)
    async for chunk in chunks:
        for event in reader.feed(chunk):
            yield event


class _Reader:
    def __init__(self, provider: str, longest: int) -> None:
        self._provider = provider
        self._longest = longest
        self._parts: list[bytes] = []  # parts of the incomplete line
        self._size = 0  # its bytes
        self._name = ""
        self._data: list[bytes] = []
        self._held = 0  # bytes in `_data`

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        for line in self._lines(chunk):
            if line:
                self._field(line)
            elif self._data:
                yield self._name or "message", b"\n".join(self._data).decode(errors="replace")
                self._name, self._data, self._held = "", [], 0
            else:
                self._name = ""

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

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._held += len(value) + 1  # for the line end: without it, empty lines would count for nothing
            self._check(self._held)
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode(errors="replace")

    def _check(self, size: int) -> None:
        if size > self._longest:
            raise Unavailable(f"an event of the stream is longer than {self._longest} bytes", provider=self._provider)
