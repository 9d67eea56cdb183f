"""Where an export goes: lines of JSON in a file or a stream, or Parquet in a folder.

`position` is how much of it is safe: a sink that is opened at it again goes on from there.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import BinaryIO, Protocol

from app.exports.json_lines import write_line
from app.exports.record import ExportedRecord

_BUFFER = 1024 * 1024
_GZIP_LEVEL = 4  # twice as fast as the usual 6, and hardly larger


class Sink(Protocol):
    """Takes messages one by one."""

    def write(self, record: ExportedRecord) -> None:
        """Take a message; it is safe after the next `flush`."""
        ...

    def flush(self) -> int:
        """Make safe what was taken, and return the position."""
        ...

    def close(self) -> None:
        """Make safe what was taken, and release the file."""
        ...


class StreamSink:
    """Lines of JSON to standard output."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, record: ExportedRecord) -> None:
        """Write a line."""
        self._stream.write(write_line(record))

    def flush(self) -> int:
        """Hand on what was written; there is no position to go on from."""
        self._stream.flush()
        return 0

    def close(self) -> None:
        """Hand on what was written; the stream is its owner's."""
        self._stream.flush()


class FileSink:
    """Lines of JSON in a file that only its owner can read; each flush ends a member of gzip, if it is compressed."""

    def __init__(self, path: Path, *, position: int = 0) -> None:
        """Open the file, and drop what is behind `position`.

        Raises:
            OSError: it cannot be opened.
        """
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb", _BUFFER)
        self._file.truncate(position)
        self._file.seek(position)
        self._compressed = path.suffix == ".gz"
        self._member: gzip.GzipFile | None = None

    def write(self, record: ExportedRecord) -> None:
        """Write a line."""
        if self._compressed and self._member is None:
            self._member = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=_GZIP_LEVEL, filename="", mtime=0)
        (self._member or self._file).write(write_line(record))

    def flush(self) -> int:
        """Write what was taken to the disk, and return the length of the file."""
        if self._member:
            self._member.close()
            self._member = None
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Write what was taken to the disk, and close the file."""
        self.flush()
        self._file.close()
