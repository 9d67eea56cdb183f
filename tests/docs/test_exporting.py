from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.exports.json_lines import read_line
from app.exports.parquet import ParquetSink
from app.exports.record import ExportedRecord
from app.exports.selection import NAMES
from tests.docs.pages import blocks, codes, table
from topics import RESULTS
from topics.results import Result

PAGE = "docs/exporting.md"
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_that_the_line_is_one_that_can_be_imported() -> None:
    (line,) = (block.text for block in blocks("", pages=(PAGE,)))
    assert read_line(line.encode()).value == b'{"id":"q-1"}'


def test_that_analysts_read_parts_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sink = ParquetSink(tmp_path / "results", RESULTS)
    for number in range(3):
        event = Result(
            task_id=f"q-{number}",
            workflow="ask",
            workflow_version=1,
            status="succeeded",
            accepted_at=_AT,
            finished_at=_AT + timedelta(seconds=2),
        )
        sink.write(ExportedRecord("results", 0, number, 0, b"k", event.to_json()))
    sink.close()
    (block,) = blocks("python", pages=(PAGE,))
    names: dict[str, Any] = {}
    exec(compile(block.text, PAGE, "exec"), names)  # noqa: S102  # our own page's
    assert names["runs"].fetchall() == [("ask", "succeeded", 3, 2.0)]
    assert names["results"].task_id.tolist() == ["q-0", "q-1", "q-2"]


def test_that_every_name_of_a_condition_is_told() -> None:
    [row] = [row for row in table(PAGE, "option", "what it selects") if "--where" in row[0]]
    assert set(NAMES) <= set(codes(row[1]))
