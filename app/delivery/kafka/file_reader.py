"""Read what is in a file, from the pieces of it that are on their topic."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from app.delivery.kafka.record_reader import RecordReader
from app.partitioner import partition_of
from app.settings import TopicSettings
from topics import FILE_PIECES
from topics.file_pieces import PIECE_BYTES
from topics.files import StoredFile


class FileLost(Exception):
    """What is in a file is older than the retention of its topic."""


class FileReader:
    """Reads files piece by piece; `options` are those of any aiokafka client."""

    def __init__(self, options: Mapping[str, Any], topics: TopicSettings) -> None:
        self._reader = RecordReader(options)
        self._topic = topics.prefix + FILE_PIECES.name
        self._partitions = topics.partitions

    async def read(self, file: StoredFile, start: int = 0) -> AsyncGenerator[bytes]:
        """Yield what is in a file, from the byte `start` on.

        Raises:
            FileLost: the broker does not have all of it any more.
            BrokerError: the broker does not return it.
        """
        partition = partition_of(file.id, self._partitions)
        first, skipped = divmod(start, PIECE_BYTES)
        for offset in file.offsets[first:]:
            record = await self._reader.read(self._topic, partition, offset)
            if record is None:
                raise FileLost(file.id)
            piece = FILE_PIECES.parse(record.value, max_bytes=len(record.value))
            if piece.file_id != file.id:
                raise FileLost(file.id)
            yield b64decode(piece.data)[skipped:]
            skipped = 0

    async def read_all(self, file: StoredFile) -> bytes:
        """Return all that is in a file.

        Raises:
            FileLost: the broker does not have all of it any more.
            BrokerError: the broker does not return it.
        """
        async with aclosing(self.read(file)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def close(self) -> None:
        """Close the connection; the next read opens another."""
        await self._reader.close()
