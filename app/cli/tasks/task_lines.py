"""Read tasks from JSON Lines, out of a file or a pipe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from app.errors import InvalidEvent
from app.suggestions import closest_match
from topics import TASKS
from topics.tasks import Task

_BLOCK = 64 * 1024


class ByteSource(Protocol):
    """The part of a binary file that is used."""

    def read1(self, size: int = ..., /) -> bytes:
        """Return what can be read without blocking, at most `size` bytes; empty at the end."""
        ...


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line that is not a valid task, counted from 1, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task, and its line, counted from 1; `named` if its id is in the line, and was not made up here."""

    line: int
    task: Task
    named: bool = True


async def read(source: ByteSource, *, max_bytes: int) -> AsyncIterator[TaskLine | InvalidLine]:
    """Yield a task for each line that is not blank; a task without an id is given one.

    A slow pipe is read as data arrives, and never blocks the event loop.
    """
    number, rest = 0, b""
    while block := await asyncio.to_thread(source.read1, _BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        for number, line in enumerate(whole, number + 1):  # noqa: B020  # it continues the count
            if line.strip():
                yield _numbered(number, line, max_bytes)
    if rest.strip():
        yield _numbered(number + 1, rest, max_bytes)


def _numbered(number: int, line: bytes, max_bytes: int) -> TaskLine | InvalidLine:
    found = parse_strictly(number, line, max_bytes=max_bytes)
    if isinstance(found, InvalidLine):
        return found
    return TaskLine(number, found, named=b'"id"' in line and _object(line).get("id") is not None)


def parse_strictly(number: int, line: bytes, *, max_bytes: int) -> Task | InvalidLine:
    """Return the task in a line, as `parse` does, but refuse unknown keys.

    On the topic unknown keys are ignored, since they may belong to a newer version or to another producer. Here the
    author of the line can still be told.
    """
    task = parse(number, line, max_bytes=max_bytes)
    unknown = (
        [] if isinstance(task, InvalidLine) else sorted(_object(_expanded(line)).keys() - Task.model_fields.keys())
    )
    return InvalidLine(number, "; ".join(map(_unknown_key, unknown))) if unknown else task


def parse(number: int, line: bytes, *, max_bytes: int) -> Task | InvalidLine:
    """Return the task in a line: `{"input": {…}, …}`, or `{"id": …, "question": …}` as a shorthand."""
    try:
        task = TASKS.parse(_expanded(line), max_bytes=max_bytes)
    except InvalidEvent as error:
        return InvalidLine(number, str(error))
    return task if task.id else task.model_copy(update={"id": uuid4().hex})


def _expanded(line: bytes) -> bytes:
    if b'"question"' not in line:
        return line
    value = _object(line)
    if "question" not in value or "input" in value:
        return line
    question = value.pop("question")
    return json.dumps({**value, "input": {"question": question}}).encode()


def _object(line: bytes) -> dict[str, Any]:
    """Return the JSON object in a line, or an empty one: the topic's parser then reports what is wrong."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _unknown_key(key: str) -> str:
    if key == "question":
        return "question: is a shorthand for input, but input is also set; put it in input"
    near = closest_match(key, Task.model_fields)
    hint = f"did you mean `{near}`?" if near else f"known keys: {', '.join(Task.model_fields)}"
    return f"{key if key.isprintable() else ascii(key)}: unknown key; {hint}"
