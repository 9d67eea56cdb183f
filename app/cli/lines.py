"""Tasks from lines of JSON, as they stand in a file or come through a pipe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from app.errors import InvalidEvent
from topics import TASKS
from topics.tasks import Task

_BLOCK = 64 * 1024


class Source(Protocol):
    """What is used of a binary file."""

    def read1(self, size: int = ..., /) -> bytes:
        """Return what can be read at once, at most `size` bytes; nothing at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no task, counted from 1, and why."""

    line: int
    reason: str


async def read(source: Source, *, max_bytes: int) -> AsyncIterator[Task | Bad]:
    """Yield a task for each line that is not blank; a task without an id is given one.

    A slow pipe is read as it comes, and never blocks the event loop.
    """
    number, rest = 0, b""
    while block := await asyncio.to_thread(source.read1, _BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        for number, line in enumerate(whole, number + 1):  # noqa: B020  # it counts on from where it was
            if line.strip():
                yield parse(number, line, max_bytes=max_bytes)
    if rest.strip():
        yield parse(number + 1, rest, max_bytes=max_bytes)


def parse(number: int, line: bytes, *, max_bytes: int) -> Task | Bad:
    """Return the task in a line: `{"input": {…}, …}`, or for short `{"id": …, "question": …}`."""
    try:
        task = TASKS.parse(_expanded(line), max_bytes=max_bytes)
    except InvalidEvent as error:
        return Bad(number, str(error))
    return task if task.id else task.model_copy(update={"id": uuid4().hex})


def _expanded(line: bytes) -> bytes:
    if b'"question"' not in line:
        return line
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return line  # the topic's own parser says what is wrong
    if not isinstance(value, dict) or "question" not in value or "input" in value:
        return line
    question = value.pop("question")
    return json.dumps({**value, "input": {"question": question}}).encode()
