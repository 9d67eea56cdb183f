"""Read tasks from JSON Lines, out of a file or a pipe."""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from app.decoding import ParsedJson, wide_encoding
from app.errors import InvalidEvent
from app.source.problems import unknown_key
from topics import TASKS, foreign
from topics.tasks import PRODUCER_FIELDS, Task

#: What is wrong with the first line of JSON that has several.
_TOO_SHORT = "it ends too early"
_BLOCK = 64 * 1024
#: So many bytes tell the encoding.
_TELLING = 4
#: What may stand in a line without a task: files that were put together have byte order marks amid them.
_BLANK = b"\xef\xbb\xbf \t\r\n"


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

    A slow pipe is read as data arrives, and never blocks the event loop. A file in UTF-16 or UTF-32 is read as one.
    """
    number, rest = 0, b""
    async for block in _utf8(source):
        *whole, rest = (rest + block).split(b"\n")
        for number, line in enumerate(whole, number + 1):  # noqa: B020  # it continues the count
            if line.strip(_BLANK):
                yield _line(number, line, max_bytes)
    if rest.strip(_BLANK):
        yield _line(number + 1, rest, max_bytes)


async def _utf8(source: ByteSource) -> AsyncIterator[bytes]:
    """Yield what a file holds, in UTF-8, whatever its encoding."""
    block = b""
    while len(block) < _TELLING and (more := await asyncio.to_thread(source.read1, _BLOCK)):
        block += more
    to_utf8 = _to_utf8(block)
    while block:
        yield to_utf8(block)
        block = await asyncio.to_thread(source.read1, _BLOCK)


def parse_strictly(number: int, line: bytes, *, max_bytes: int) -> Task | InvalidLine:
    """Return the task in a line, as `parse` does, but refuse unknown keys, and what would be changed in it.

    On the topic unknown keys are ignored, since they may belong to a newer version or to another producer. Here the
    author of the line can still be told.
    """
    found = _line(number, line, max_bytes)
    return found.task if isinstance(found, TaskLine) else found


def parse(number: int, line: bytes, *, max_bytes: int) -> Task | InvalidLine:
    """Return the task in a line: `{"input": {…}, …}`, or `{"id": …, "question": …}` as a shorthand."""
    task, problems = _parse(line, max_bytes)
    return _identified(task) if task else InvalidLine(number, "; ".join(problems))


def _line(number: int, line: bytes, max_bytes: int) -> TaskLine | InvalidLine:
    task, problems = _parse(line, max_bytes)
    if task is None or problems:
        return InvalidLine(number, "; ".join(problems))
    return TaskLine(number, _identified(task), named=bool(task.id))


def _identified(task: Task) -> Task:
    return task if task.id else task.model_copy(update={"id": uuid4().hex})


def _parse(line: bytes, max_bytes: int) -> tuple[Task | None, list[str]]:
    """Return the task in a line, if it is one, and what is wrong with the line."""
    try:
        parsed = _expanded(foreign.parse(line))
        decoded = TASKS.decode(parsed.text.encode(errors="surrogatepass"), max_bytes=max_bytes)
    except InvalidEvent as error:
        one_line = "; a task is a line of its own" if _TOO_SHORT in str(error) else ""
        return None, [f"{error}{one_line}"]
    return decoded.event, [*map(_unknown_key, decoded.unknown), *parsed.notes]


def _expanded(parsed: ParsedJson) -> ParsedJson:
    value = parsed.value
    if not isinstance(value, dict) or "question" not in value or value.get("input") is not None:
        return parsed
    written = {name: one for name, one in value.items() if name != "question"} | {
        "input": {"question": value["question"]}
    }
    return ParsedJson(written, json.dumps(written), parsed.notes)


def _unknown_key(key: str) -> str:
    if key == "question":
        return "question: is a shorthand for input, but input is also set; put it in input"
    return unknown_key(key, PRODUCER_FIELDS)


def _to_utf8(beginning: bytes) -> Callable[[bytes], bytes]:
    """Return what makes UTF-8 of each further piece of a file that begins so."""
    encoding = wide_encoding(beginning)
    if encoding is None:
        return bytes
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return lambda block: decoder.decode(block).encode()
