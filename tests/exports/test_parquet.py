from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import ConfigurationError
from app.exports.parquet import KAFKA_COLUMNS, ParquetSink, parts, read_parts
from app.exports.record import ExportedRecord
from tests.exports.test_json_lines import RECORD
from topics import ALL, MODEL_RESPONSES, RESULTS, TASKS
from topics.base import Failure, Topic
from topics.model_responses import ModelResponse, Usage


def record(value: bytes | None, **changes: Any) -> ExportedRecord:
    return replace(RECORD, value=value, **changes)


def answer(number: int) -> ExportedRecord:
    failed = Failure(code="timeout", message="no") if number % 2 else None
    event = ModelResponse(
        id=f"q-{number}/answer/1",
        task_id=f"q-{number}",
        step="answer",
        branch="m",
        model="m",
        text="" if failed else "Yes.",
        usage=Usage(input_tokens=number, output_tokens=2),
        seconds=0.5,
        error=failed,
    )
    return record(event.to_json(), offset=number)


def written(folder: Path, topic: Topic[Any] | None, *records: ExportedRecord) -> list[dict[str, Any]]:
    sink = ParquetSink(folder, topic)
    for one in records:
        sink.write(one)
    sink.close()
    return [row for path in parts(folder) for row in pq.read_table(path).to_pylist()]


def test_that_messages_come_back_byte_for_byte(tmp_path: Path) -> None:
    records = [
        answer(0),
        record(b"\xff", key=None, headers=(("a", None), ("a", b"\xff"))),
        record(None, timestamp=None),
        record(b'{"id": 1'),
        record(b"", headers=()),
    ]
    written(tmp_path / "parts", MODEL_RESPONSES, *records)
    assert list(read_parts(tmp_path / "parts")) == records


def test_that_a_time_after_the_year_9999_comes_back(tmp_path: Path) -> None:
    late = record(None, timestamp=1_768_464_000_123_456)
    sink = ParquetSink(tmp_path, MODEL_RESPONSES)
    sink.write(late)
    sink.close()
    assert list(read_parts(tmp_path)) == [late]


def test_that_an_event_has_columns_with_types(tmp_path: Path) -> None:
    good, failed, broken = written(tmp_path, MODEL_RESPONSES, answer(0), answer(1), record(b"{}"))
    assert (good["task_id"], good["text"], good["seconds"], good["error"]) == ("q-0", "Yes.", 0.5, None)
    assert good["usage"]["output_tokens"] == 2
    assert failed["error"] == {"code": "timeout", "message": "no"}
    assert broken["kafka_value"] == b"{}"
    assert {value for name, value in broken.items() if not name.startswith("kafka_")} == {None}


def test_that_what_has_no_shape_is_json_and_a_number_that_is_too_large_is_nothing_wrong(tmp_path: Path) -> None:
    task = {"id": "q-1", "input": {"a": [1, "ü"]}, "metadata": {"tier": "gold"}}
    sound, huge = written(
        tmp_path,
        TASKS,
        record(json.dumps(task).encode()),
        record(json.dumps({**task, "priority": 10**30, "version": 10**30}).encode()),
    )
    assert json.loads(sound["input"]) == {"a": [1, "ü"]}
    assert json.loads(sound["metadata"]) == {"tier": "gold"}
    assert huge["version"] is None


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_that_every_topic_has_columns(topic: Topic[Any], tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, topic)
    sink.close()
    names = pq.read_schema(tmp_path / "part-00000.parquet").names
    assert names == [*KAFKA_COLUMNS.names, *topic.event.model_fields]


def test_that_the_columns_of_results_have_the_types_that_analysts_need(tmp_path: Path) -> None:
    schema = ParquetSink(tmp_path, RESULTS).schema
    assert schema.field("accepted_at").type == pa.timestamp("us", tz="UTC")
    assert pa.types.is_list(schema.field("candidates").type)
    assert pa.types.is_struct(schema.field("candidates").type.value_type)
    assert pa.types.is_string(schema.field("status").type)


def test_that_duckdb_and_pandas_open_it_without_help(tmp_path: Path) -> None:
    written(tmp_path / "parts", MODEL_RESPONSES, *map(answer, range(10)))
    found = duckdb.read_parquet(f"{tmp_path}/parts/*.parquet")
    totals = found.aggregate("error.code, count(*), sum(usage.input_tokens)", "error.code")
    assert sorted(totals.fetchall(), key=str) == [("timeout", 5, 25), (None, 5, 20)]
    frame = pd.read_parquet(tmp_path / "parts")
    assert frame.task_id.tolist() == [f"q-{number}" for number in range(10)]


def test_that_an_export_goes_on_after_its_last_whole_part(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, MODEL_RESPONSES)
    sink.write(answer(0))
    position = sink.flush()
    sink.write(answer(1))
    sink.flush()  # a step whose state was not saved
    again = ParquetSink(tmp_path, MODEL_RESPONSES, position=position)
    again.write(answer(1))
    again.close()
    assert [one.offset for one in read_parts(tmp_path)] == [0, 1]


def test_that_a_folder_that_is_no_export_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no part-\*.parquet in it"):
        list(read_parts(tmp_path))
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigurationError, match="it is not an export of a topic"):
        list(read_parts(tmp_path))
    pq.write_table(pa.table({"x": [1]}), tmp_path / "part-0.parquet")
    with pytest.raises(ConfigurationError, match="it is not an export of a topic"):
        list(read_parts(tmp_path))
