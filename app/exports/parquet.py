"""Messages as Parquet: what Kafka has of each, and the fields of its event in columns with types.

The columns `kafka_topic`, `kafka_partition`, `kafka_offset`, `kafka_timestamp`, `kafka_key`, `kafka_headers` and
`kafka_value` hold the message byte for byte, so that an export can be imported again. The others are the fields of the
topic's event; they are null in a message that is not one. What has no fixed shape is a text in JSON.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic_core import to_jsonable_python

from app.errors import ConfigurationError, MissingDependency
from app.exports.record import ExportedRecord
from topics.base import Topic

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingDependency('Parquet needs: pip install "meta-ai-orchestrator[parquet]"') from error

#: A part is written when it has so many messages, or so many bytes of values.
_PART_RECORDS, _PART_BYTES = 100_000, 128 * 1024 * 1024
#: Deeper than this, a value is a text in JSON: a type that holds itself has no end.
_DEEPEST = 4

KAFKA_COLUMNS = pa.schema(
    [
        pa.field("kafka_topic", pa.string(), nullable=False),
        pa.field("kafka_partition", pa.int32(), nullable=False),
        pa.field("kafka_offset", pa.int64(), nullable=False),
        pa.field("kafka_timestamp", pa.timestamp("ms", tz="UTC")),
        pa.field("kafka_key", pa.binary()),
        pa.field("kafka_headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
        pa.field("kafka_value", pa.binary()),
    ]
)


#: The same as they are read: a time after the year 9999, as of a producer that counts in microseconds, stays a number.
_READ = KAFKA_COLUMNS.set(3, pa.field("kafka_timestamp", pa.int64()))


@dataclass(frozen=True, slots=True)
class Column:
    """A type of Arrow, and what makes its value of one of Python."""

    type: Any
    convert: Callable[[Any], Any]


def column_of(annotation: Any, depth: int = 0) -> Column:  # noqa: PLR0911  # one for each kind of type
    """Return the column for values of a Python type, as events use them."""
    if get_origin(annotation) is Annotated:
        return column_of(get_args(annotation)[0], depth)
    if get_origin(annotation) in {Union, types.UnionType}:
        return _union([kind for kind in get_args(annotation) if kind is not types.NoneType], depth)
    if get_origin(annotation) is Literal and all(isinstance(one, str) for one in get_args(annotation)):
        return _SCALARS[str]
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and depth < _DEEPEST:
        return _struct(annotation, depth)
    if isinstance(origin := get_origin(annotation), type) and issubclass(origin, Sequence | AbstractSet):
        inner = {kind for kind in get_args(annotation) if kind is not Ellipsis}
        return _list(column_of(inner.pop(), depth + 1)) if len(inner) == 1 else _JSON
    return _JSON


def _integer(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise OverflowError
    return value


def _as_json(value: Any) -> str:
    return json.dumps(to_jsonable_python(value, exclude_none=True), ensure_ascii=False, separators=(",", ":"))


_JSON = Column(pa.string(), _as_json)
_MOMENT = Column(pa.timestamp("us", tz="UTC"), lambda moment: moment)
_SCALARS: Mapping[Any, Column] = {
    str: Column(pa.string(), str),
    bool: Column(pa.bool_(), bool),
    int: Column(pa.int64(), _integer),
    float: Column(pa.float64(), float),
    datetime: _MOMENT,
    AwareDatetime: _MOMENT,
}


def _union(kinds: Sequence[Any], depth: int) -> Column:
    if set(kinds) == {int, float}:
        return _SCALARS[float]
    return column_of(kinds[0], depth) if len(kinds) == 1 else _JSON


def _list(inner: Column) -> Column:
    return Column(pa.list_(inner.type), lambda values: [inner.convert(value) for value in values])


def _struct(model: type[BaseModel], depth: int) -> Column:
    columns = {name: column_of(field.annotation, depth + 1) for name, field in model.model_fields.items()}
    if not columns:
        return _JSON
    return Column(
        pa.struct([(name, column.type) for name, column in columns.items()]), lambda value: _fields(value, columns)
    )


def _fields(event: BaseModel, columns: Mapping[str, Column]) -> dict[str, Any]:
    found = ((name, getattr(event, name)) for name in columns)
    return {name: None if value is None else columns[name].convert(value) for name, value in found}


class ParquetSink:
    """Parts in a folder, `part-00000.parquet` and so on, of the messages of one topic; the position counts them."""

    def __init__(self, folder: Path, topic: Topic[Any] | None, *, position: int = 0) -> None:
        """Make the folder, and drop the parts behind `position`; of a topic that is not ours, the event is unknown.

        Raises:
            OSError: it cannot be written.
        """
        self._folder, self._topic, self._parts = folder, topic, position
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, path in enumerate(parts(folder)):
            if number >= position:
                path.unlink()
        fields = topic.event.model_fields if topic else {}
        self._columns = {name: column_of(field.annotation) for name, field in fields.items()}
        self.schema = pa.schema([*KAFKA_COLUMNS, *((name, column.type) for name, column in self._columns.items())])
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def write(self, record: ExportedRecord) -> None:
        """Take a message."""
        self._rows.append(_kafka_fields(record) | self._event_fields(record))
        self._bytes += len(record.value or b"")
        if len(self._rows) >= _PART_RECORDS or self._bytes >= _PART_BYTES:
            self.flush()

    def flush(self) -> int:
        """Write what was taken as the next part, and return how many there are."""
        if self._rows:
            table = pa.Table.from_pylist(self._rows, schema=self.schema)
            pq.write_table(table, self._folder / f"part-{self._parts:05}.parquet", compression="zstd")
            self._parts += 1
            self._rows, self._bytes = [], 0
        return self._parts

    def close(self) -> None:
        """Write what was taken; a part without messages if there were none, for its columns."""
        if not self._rows and not self._parts:
            pq.write_table(self.schema.empty_table(), self._folder / "part-00000.parquet")
        self.flush()

    def _event_fields(self, record: ExportedRecord) -> dict[str, Any]:
        event = self._topic.event_in(record) if self._topic else None
        if event is None:
            return {}
        try:
            return _fields(event, self._columns)
        except OverflowError:  # the bytes have it, and nothing of it is shown wrong
            return {}


def parts(folder: Path) -> list[Path]:
    """Return the parts in a folder, in their order."""
    return sorted(folder.glob("part-*.parquet"))


def read_parts(folder: Path) -> Iterator[ExportedRecord]:
    """Yield the messages of an export in their order.

    Raises:
        ConfigurationError: there are no parts, or one is not such an export.
    """
    if not (found := parts(folder)):
        raise ConfigurationError(f"{folder}: there is no part-*.parquet in it")
    for path in found:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=KAFKA_COLUMNS.names):
                    yield from map(_record, batch.cast(_READ).to_pylist())
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise ConfigurationError(f"{path}: it is not an export of a topic: {error}") from None


def _kafka_fields(record: ExportedRecord) -> dict[str, Any]:
    return {
        "kafka_topic": record.topic,
        "kafka_partition": record.partition,
        "kafka_offset": record.offset,
        "kafka_timestamp": record.timestamp,
        "kafka_key": record.key,
        "kafka_headers": [{"name": name, "value": value} for name, value in record.headers],
        "kafka_value": record.value,
    }


def _record(row: Mapping[str, Any]) -> ExportedRecord:
    return ExportedRecord(
        topic=row["kafka_topic"],
        partition=row["kafka_partition"],
        offset=row["kafka_offset"],
        timestamp=row["kafka_timestamp"],
        key=row["kafka_key"],
        value=row["kafka_value"],
        headers=tuple((one["name"], one["value"]) for one in row["kafka_headers"] or ()),
    )
