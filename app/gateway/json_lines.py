"""JSON lines that arrive in pieces: one line at a time, and no more of it than is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import NamedTuple


class TextLine(NamedTuple):
    """A line without white space around it, None if it is too long; it `ends` before so many bytes of the whole."""

    text: bytes | None
    ends: int


async def read_lines(pieces: AsyncIterable[bytes], max_bytes: int) -> AsyncIterator[TextLine]:
    """Yield each line; the text of one that is longer than `max_bytes` is not kept."""
    parts: list[bytes] = []
    size = read = 0
    async for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            size += len(end)
            read += len(end) + 1
            yield TextLine(None if size > max_bytes else b"".join([*parts, end]).strip(), read)
            parts, size = [], 0
        size += len(rest)
        read += len(rest)
        if size > max_bytes:
            parts = []
        elif rest:
            parts.append(rest)
    if size:
        yield TextLine(None if size > max_bytes else b"".join(parts).strip(), read)
