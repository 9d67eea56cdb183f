"""JSON lines that arrive in pieces: one line at a time, and no more of it than is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator


async def read_lines(pieces: AsyncIterable[bytes], max_bytes: int) -> AsyncIterator[bytes | None]:
    """Yield each line without white space around it, and None for one that is longer than `max_bytes`."""
    parts: list[bytes] = []
    size = 0
    async for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            size += len(end)
            yield None if size > max_bytes else b"".join([*parts, end]).strip()
            parts, size = [], 0
        size += len(rest)
        if size > max_bytes:
            parts = []  # what is too long is not kept
        elif rest:
            parts.append(rest)
    if size:
        yield None if size > max_bytes else b"".join(parts).strip()
