"""The documents of an index in memory, by the rules of `topics.chunks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from app import vectors
from app.errors import InvalidEvent
from app.vectors import Vector
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.retrieval_results import Chunk


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk and its vector, of shape (dimensions,)."""

    chunk: Chunk
    vector: Vector

    def same(self, other: ChunkRow) -> bool:
        """Return whether both are equal, bit by bit."""
        return self.chunk == other.chunk and self.vector.tobytes() == other.vector.tobytes()


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One document, in one version: its rows by part."""

    version: str
    collection: str
    parts: dict[int, tuple[ChunkRow, ...]]

    def rows(self) -> Iterator[ChunkRow]:
        """Yield the rows in the document's order."""
        return (row for part in sorted(self.parts) for row in self.parts[part])


class ChunkTable:
    """Documents by id, which is the key of the log and unique across collections.

    Entries are replaced, never changed, so `copy` is cheap and may be read by another thread.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._entries: dict[str, DocumentEntry] = {}

    def apply(self, part: DocumentChunks) -> set[str]:
        """Apply one part, and return the collections that it changed.

        Raises:
            InvalidEvent: an embedding is malformed or has other dimensions than the index; nothing is changed.
        """
        rows = tuple(self._row(chunk) for chunk in part.chunks)
        known = self._entries.get(part.document_id)
        if part.part == 0 and not rows:
            return self._remove(part.document_id)
        if known and (known.version, known.collection) == (part.version, part.collection):
            return self._add(part, known, rows)
        if part.part == 0:
            return self._replace(part, rows)
        return set()

    def rows(self, collection: str) -> list[ChunkRow]:
        """Return all rows of `collection`, ordered by document and position, independent of when they arrived."""
        keys = sorted(key for key, entry in self._entries.items() if entry.collection == collection)
        return [row for key in keys for row in self._entries[key].rows()]

    def copy(self) -> Self:
        """Return an independent copy of the table as it is now."""
        twin = type(self)(self._dimensions)
        twin._entries = dict(self._entries)  # noqa: SLF001  # its own class
        return twin

    def parts(self) -> Iterator[DocumentChunks]:
        """Yield parts which, applied in this order, make an equal table."""
        for document_id, entry in self._entries.items():
            for part in sorted(entry.parts):
                chunks = (EmbeddedChunk(chunk=r.chunk, embedding=vectors.encode(r.vector)) for r in entry.parts[part])
                yield DocumentChunks(
                    document_id=document_id,
                    version=entry.version,
                    part=part,
                    collection=entry.collection,
                    chunks=tuple(chunks),
                )

    def _row(self, embedded: EmbeddedChunk) -> ChunkRow:
        vector = vectors.decode(embedded.embedding)
        if vector.size != self._dimensions:
            raise InvalidEvent(
                "invalid",
                f"{embedded.chunk.id} has an embedding of {vector.size} dimensions, the index of {self._dimensions}: "
                "send its document again",
            )
        return ChunkRow(embedded.chunk, vector)

    def _remove(self, document_id: str) -> set[str]:
        gone = self._entries.pop(document_id, None)
        return {gone.collection} if gone else set()

    def _add(self, part: DocumentChunks, known: DocumentEntry, rows: tuple[ChunkRow, ...]) -> set[str]:
        held = known.parts.get(part.part)
        if held is not None and len(held) == len(rows) and all(map(ChunkRow.same, held, rows)):
            return set()
        if part.part == 0:
            return self._replace(part, rows)
        self._entries[part.document_id] = replace(known, parts={**known.parts, part.part: rows})
        return {known.collection}

    def _replace(self, part: DocumentChunks, rows: tuple[ChunkRow, ...]) -> set[str]:
        left = self._remove(part.document_id)
        self._entries[part.document_id] = DocumentEntry(part.version, part.collection, {0: rows})
        return left | {part.collection}
