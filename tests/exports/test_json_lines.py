from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.exports.json_lines import read_line, write_line
from app.exports.record import ExportedRecord

RECORD = ExportedRecord("tasks", 3, 17, 1_768_464_000_123, b"q-1", b'{"id":"q-1"}', (("ce_id", b"q-1"),))

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_WRITTEN = st.builds(lambda value, indent: json.dumps(value, indent=indent).encode(), _JSON, st.sampled_from([None, 1]))
_BYTES = st.none() | st.binary(max_size=60) | _WRITTEN
_RECORDS = st.builds(
    ExportedRecord,
    st.text(min_size=1, max_size=20),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(0, 2**63 - 1),
    _BYTES,
    _BYTES,
    st.lists(st.tuples(st.text(max_size=8), _BYTES), max_size=3).map(tuple),
)


@given(_RECORDS)
def test_that_every_message_is_one_line_and_comes_back_byte_for_byte(record: ExportedRecord) -> None:
    line = write_line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["topic"] == record.topic
    assert read_line(line) == record


@pytest.mark.parametrize(
    "value",
    [
        b'{"a": 1.0, "a": 1e0, "b" : 10000000000000000000000000}',
        b'{"value":1}',
        b"null",
        b"",
        b"NaN",
        b'{"a":1e999}',
        b"1e-999",
        b'{"id":"71e169"}',
        b"[" * 200 + b"]" * 200,
        b"1" * 400 + b".5",
        b"\xff\xfe",
        b'"\\ud800"',
        b"[1,\n2]",
        b" 1 ",
        b'{"z":{"value":{"value":1}}}}',
    ],
)
def test_that_odd_values_come_back_byte_for_byte(value: bytes) -> None:
    assert read_line(write_line(replace(RECORD, value=value))).value == value


def test_that_a_value_in_json_is_there_as_data() -> None:
    line = json.loads(write_line(RECORD))
    assert line["value"] == {"id": "q-1"}
    assert line["timestamp"] == "2026-01-15T08:00:00.123Z"
    assert line["headers"] == [["ce_id", "q-1"]]


def test_that_an_edited_value_counts_and_not_its_former_length() -> None:
    fields = json.loads(write_line(RECORD))
    fields["value"]["id"] = "q-2"
    for edited in (json.dumps(fields), json.dumps(fields, sort_keys=True, indent=None)):
        assert json.loads(read_line(edited.encode()).value or b"") == {"id": "q-2"}


def test_that_a_line_of_somebody_elses_program_is_enough_with_its_place() -> None:
    read = read_line(b'{"value": {"id": "x"}, "topic": "tasks", "partition": 0, "offset": 0}')
    assert read == ExportedRecord("tasks", 0, 0, None, None, b'{"id":"x"}')


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("{}", "topic: must be a text"),
        ('{"topic": "t"}', "partition: must be a whole number"),
        ('{"topic": "t", "partition": true, "offset": 0}', "partition: must be a whole number"),
        ('{"topic": "t", "partition": 0, "offset": -1}', "offset: must be a whole number"),
        ('{"topic": "t", "partition": 0, "offset": 0, "key": 1}', "key: must be a text"),
        ('{"topic": "t", "partition": 0, "offset": 0, "timestamp": []}', "timestamp: must be a time"),
        ('{"topic": "t", "partition": 0, "offset": 0, "timestamp": "x"}', "timestamp: must be a time"),
        ('{"topic": "t", "partition": 0, "offset": 0, "value_base64": "?"}', "value_base64: "),
        ('{"topic": "t", "partition": 0, "offset": 0, "headers": {}}', "headers: must be a list"),
        ('{"topic": "t", "partition": 0, "offset": 0, "headers": [["a"]]}', "headers: each must be a pair"),
    ],
)
def test_that_a_wrong_line_is_explained(line: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_line(line.encode())
