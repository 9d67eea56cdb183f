"""Header names that are not UTF-8: read as they can be read, instead of stopping the consumer for good.

Kafka takes any bytes as the name of a header, and some clients write them. aiokafka raises UnicodeDecodeError
on such a name, each time that its batch is fetched: one message would stop its partition, and every worker
that takes the partition over, until somebody deletes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.record.memory_records import MemoryRecords

from app.delivery.kafka.kafka_private import read_batches_with, slow_batch

# A batch begins with its offset (8 bytes), then the length of what follows the length (4 bytes).
_LENGTH_AT, _LENGTH_ENDS = 8, 12


def accept_invalid_header_names() -> None:
    r"""Have all of aiokafka's consumers in this process read such names, with each odd byte as `\xNN`."""
    read_batches_with(TolerantRecords)


class TolerantRecords:
    """The batches of one partition in a fetched answer, as `aiokafka.record.memory_records` gives them."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._records = MemoryRecords(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Return the length of the answer."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Return whether another whole batch is there."""
        return bool(self._records.has_next())

    def next_batch(self) -> _Batch:
        """Return the next batch."""
        (length,) = struct.unpack_from(">i", self._data, self._at + _LENGTH_AT)
        start, self._at = self._at, self._at + _LENGTH_ENDS + length
        return _Batch(self._records.next_batch(), self._data[start : self._at])


class _Batch:
    """A batch that is read by aiokafka's fast reader, and from the first odd name on by its slow one."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        count = 0
        try:
            for record in self._batch:
                count += 1
                yield record
        except UnicodeDecodeError:
            yield from list(slow_batch(self._data, _Buffer))[count:]


class _Buffer(bytearray):
    """Bytes whose slices are text in any case."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Buffer(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        r"""Return the text, with `\xNN` for what is none."""
        return super().decode(encoding, errors)
