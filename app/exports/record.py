"""A message of Kafka, outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

#: Names may repeat, and a value may be absent.
RecordHeaders = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """A message byte for byte, and where it lay; `timestamp` is in milliseconds since 1970, None if it has none."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: RecordHeaders = ()

    @classmethod
    def of(cls, record: Any) -> Self:
        """Return a record as a consumer gives it."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp if record.timestamp >= 0 else None,
            record.key,
            record.value,
            tuple(record.headers),
        )
