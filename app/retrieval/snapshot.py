"""The snapshot file of a chunk table: a header line, then one `DocumentChunks` per line, all JSON."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from topics.chunks import DocumentChunks

logger = logging.getLogger(__name__)

#: Changes with what is in a chunk, and with how it is cut or its words are found.
FORMAT = 2


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True)

    format: int
    embedder: str
    position: dict[str, int]
    parts: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of a snapshot: the parts in the order to apply them, and their position in the log."""

    position: dict[str, int]
    parts: tuple[DocumentChunks, ...]


def write(path: Path, embedder: str, position: Mapping[str, int], parts: Iterable[DocumentChunks]) -> None:
    """Replace the file at `path` atomically: readers, even after a crash, see the complete old or new file.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    lines = [part.to_json() for part in parts]
    header = _Header(format=FORMAT, embedder=embedder, position=dict(position), parts=len(lines))
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary file, and so the snapshot, is readable by its owner only: documents may be private.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        try:
            _fill(file, [header.model_dump_json().encode(), *lines])
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
    _sync_folder(path.parent)


def read(path: Path, embedder: str) -> Snapshot | None:
    """Read the file at `path`; None, with a warning, if this index cannot use it.

    It cannot use a damaged file, or one made with another embedder, whose vectors cannot be compared:
    the index is then built from the log again.

    Raises:
        OSError: the file exists but cannot be read.
    """
    if not path.exists():
        return None
    try:
        return _parse(path.read_bytes().split(b"\n"), embedder)
    except _UnusableSnapshot as reason:
        logger.warning("The index file %s is ignored: %s. The index is built from the log again.", path, reason)
        return None


class _UnusableSnapshot(Exception):
    """The reason why a file is ignored."""


def _parse(lines: list[bytes], embedder: str) -> Snapshot:
    try:
        header = _Header.model_validate_json(lines[0])
        if header.embedder != embedder:
            raise _UnusableSnapshot(f"it was made with the embedder {header.embedder}, but {embedder} is configured")
        parts = tuple(DocumentChunks.model_validate_json(line) for line in lines[1:-1])
    except ValidationError:
        raise _UnusableSnapshot("it is damaged") from None
    if (header.format, header.parts) != (FORMAT, len(parts)):
        raise _UnusableSnapshot("it is incomplete, or written by another version of this program")
    return Snapshot(header.position, parts)


def _fill(file: IO[bytes], lines: Iterable[bytes]) -> None:
    file.writelines(line + b"\n" for line in lines)
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the rename durable; not possible, and not needed, on Windows."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
