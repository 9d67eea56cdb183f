from __future__ import annotations

import io
from typing import Any

import pytest

from app.cli.tasks import task_lines
from app.cli.tasks.task_lines import InvalidLine, TaskLine
from topics.tasks import Task


def _parse(line: bytes) -> Task | InvalidLine:
    return task_lines.parse(7, line, max_bytes=1000)


def test_a_task_is_taken_as_it_is() -> None:
    line = b'{"id": "a", "workflow": "w", "input": {"question": "q"}, "metadata": {"k": "v"}}'
    assert _parse(line) == Task(id="a", workflow="w", input={"question": "q"}, metadata={"k": "v"})


def test_the_short_form_is_a_question() -> None:
    assert _parse(b'{"id": "a", "question": "q?"}') == Task(id="a", input={"question": "q?"})


def test_a_missing_id_is_filled_in_and_differs() -> None:
    first, second = _parse(b'{"question": "q"}'), _parse(b'{"question": "q"}')
    assert isinstance(first, Task)
    assert isinstance(second, Task)
    assert first.id
    assert first.id != second.id


@pytest.mark.parametrize(
    "line", [b"nope", b"[]", b'{"question": ', b"\xff", b'{"input": 3}', b'{"question": "' + b"x" * 1000 + b'"}']
)
def test_what_is_not_a_task_is_reported_with_its_line(line: bytes) -> None:
    found = _parse(line)
    assert isinstance(found, InvalidLine)
    assert found.line == 7
    assert found.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "e", "qestion": "x"}', "input: is required; unknown keys: qestion"),
        (b'{"id": "f", "question": "x", "deadline": "soon"}', "deadline: must be a time with its zone, as in 2026-"),
        (b'{"id": "g", "input": "x"}', "input: must be a JSON object"),
        (b"{", "Invalid JSON: it ends too early at column 1; a task is a line of its own"),
        (b'{"id": "h" "question": "x"}', "Invalid JSON: a comma or a closing bracket is missing at column 12"),
        (b"name,question", "Invalid JSON: a text needs double quotes at column 2"),
    ],
)
async def test_a_line_that_is_no_task_is_refused_with_the_fix(line: bytes, reason: str) -> None:
    (found,) = [item async for item in task_lines.read(io.BytesIO(b"\n" + line), max_bytes=1000)]
    assert isinstance(found, InvalidLine)
    assert (found.line, found.reason[: len(reason)]) == (2, reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"question": "q", "tenent": "acme"}', "tenent: unknown key; did you mean `tenant`?"),
        (
            b'{"input": {}, "tenent": "a", "workflwo": "w"}',
            "tenent: unknown key; did you mean `tenant`?; workflwo: unknown key; did you mean `workflow`?",
        ),
        (
            b'{"input": {}, "question": "q"}',
            "question: is a shorthand for input, but input is also set; put it in input",
        ),
        (
            b'{"input": {}, "xyz": 1}',
            "xyz: unknown key; known keys: deadline, id, input, metadata, priority, roles, tenant, version, webhook",
        ),
        (b'{"input": {}, "\\u001b[2J": 1}', "'\\x1b[2J': unknown key; known keys: "),
    ],
)
async def test_an_unknown_key_is_reported_and_ignored_on_the_topic(line: bytes, reason: str) -> None:
    (found,) = [item async for item in task_lines.read(io.BytesIO(b"\n" + line), max_bytes=1000)]
    assert isinstance(found, InvalidLine)
    assert (found.line, found.reason.startswith(reason)) == (2, True)
    assert isinstance(_parse(line), Task)


def test_what_a_task_says_is_its_own_affair() -> None:
    line = b'{"id": "a", "input": {"tenent": 1}, "metadata": {"tenent": "x"}}'
    assert isinstance(task_lines.parse_strictly(7, line, max_bytes=1000), Task)


class _Slow(io.RawIOBase):
    """A pipe that gives three bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read1(self, _: int = -1, /) -> bytes:
        return self._content.read(3)


async def test_lines_are_put_together_and_counted() -> None:
    content = b'{"id":"a","question":"1"}\n\n\nbad\n{"id":"b","question":"2"}'
    found = [item async for item in task_lines.read(_Slow(content), max_bytes=1000)]
    assert [(item.line, item.task.id if isinstance(item, TaskLine) else "") for item in found] == [
        (1, "a"),
        (4, ""),
        (5, "b"),
    ]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b'{"id": "a", "question": "q"}', True),
        (b'{"question": "\\"id\\": 7"}', False),
        (b'{"id": null, "question": "q"}', False),
        (b'{"input": {"id": "a"}}', False),
    ],
)
async def test_an_id_that_is_made_up_is_told_apart(line: bytes, *, named: bool) -> None:
    (found,) = [item async for item in task_lines.read(io.BytesIO(line), max_bytes=1000)]
    assert isinstance(found, TaskLine)
    assert (found.named, bool(found.task.id)) == (named, True)


async def test_an_empty_file_has_no_tasks() -> None:
    assert [item async for item in task_lines.read(io.BytesIO(), max_bytes=1000)] == []


LINES = '{"id": "a", "question": "é"}\n\n{"id": "b", "input": {"question": "ü"}, "tenant": null}\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("source", [io.BytesIO, _Slow])
async def test_a_file_may_be_in_any_unicode_encoding(encoding: str, source: Any) -> None:
    found = [item async for item in task_lines.read(source(LINES.encode(encoding)), max_bytes=1000)]
    assert found == [
        TaskLine(1, Task(id="a", input={"question": "é"})),
        TaskLine(3, Task(id="b", input={"question": "ü"})),
    ]


async def test_files_that_were_put_together_have_marks_amid_them() -> None:
    content = "\ufeff".encode() + LINES.encode() + "\ufeff".encode() + LINES.encode() + "\ufeff".encode()
    found = [item async for item in task_lines.read(io.BytesIO(content), max_bytes=1000)]
    assert [item.task.id for item in found if isinstance(item, TaskLine)] == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"question": "q", "question": "r"}', "the key 'question' is there twice; its last value counts"),
        (b'{"input": {"n": 0.1234567890123456789}}', "the number 0.1234567890123456789 is rounded to 0.1234567"),
        (rb'{"question": "\ud83d"}', "half of a character"),
        (b'{"input": {"n": NaN}}', "Invalid JSON: NaN is not valid JSON"),
        (b'{"question": "q", "input": null, "tenent": 1}', "tenent: unknown key; did you mean `tenant`?"),
    ],
)
def test_what_would_be_changed_in_silence_is_refused(line: bytes, reason: str) -> None:
    found = task_lines.parse_strictly(7, line, max_bytes=1000)
    assert isinstance(found, InvalidLine)
    assert found.reason.startswith(reason)


def test_a_long_integer_keeps_its_value() -> None:
    for line in (b'{"id": "a", "input": {"n": %d}}', b'{"id": "a", "question": %d}'):
        found = _parse(line % 123456789012345678901234567890)
        assert isinstance(found, Task)
        assert list(found.input.values()) == [123456789012345678901234567890]
