"""The documents of an index in memory, by the rules of `topics.chunks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

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


class Namespace(NamedTuple):
    """The documents of a collection that are one tenant's; with an empty tenant, those that all share."""

    collection: str
    tenant: str


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One document, in one version: its rows by part. `head` is a part without number and chunks: what all share."""

    head: DocumentChunks
    parts: dict[int, tuple[ChunkRow, ...]]

    @property
    def namespace(self) -> Namespace:
        """Where it is."""
        return Namespace(self.head.collection, self.head.tenant)

    def rows(self) -> Iterator[ChunkRow]:
        """Yield the rows in the document's order."""
        return (row for part in sorted(self.parts) for row in self.parts[part])


class ChunkTable:
    """Documents by the key of the log, which is unique across collections.

    Entries are replaced, never changed, so `copy` is cheap and may be read by another thread.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._entries: dict[str, DocumentEntry] = {}

    def apply(self, part: DocumentChunks) -> set[Namespace]:
        """Apply one part, and return the namespaces that it changed.

        Raises:
            InvalidEvent: an embedding is malformed or has other dimensions than the index; nothing is changed.
        """
        rows = tuple(self._row(chunk) for chunk in part.chunks)
        known = self._entries.get(part.document_key)
        if part.part == 0 and not rows:
            return self._remove(part.document_key)
        if known and known.head == _head(part):
            return self._add(part, known, rows)
        if part.part == 0:
            return self._replace(part, rows)
        return set()

    def entry(self, key: str) -> DocumentEntry | None:
        """Return the document of this key, if there is one."""
        return self._entries.get(key)

    def copy(self) -> Self:
        """Return an independent copy of the table as it is now."""
        twin = type(self)(self._dimensions)
        twin._entries = dict(self._entries)  # noqa: SLF001  # its own class
        return twin

    def parts(self) -> Iterator[DocumentChunks]:
        """Yield parts which, applied in this order, make an equal table."""
        for entry in self._entries.values():
            for part in sorted(entry.parts):
                chunks = (EmbeddedChunk(chunk=r.chunk, embedding=vectors.encode(r.vector)) for r in entry.parts[part])
                yield entry.head.model_copy(update={"part": part, "chunks": tuple(chunks)})

    def _row(self, embedded: EmbeddedChunk) -> ChunkRow:
        vector = vectors.decode(embedded.embedding)
        if vector.size != self._dimensions:
            raise InvalidEvent(
                "invalid",
                f"{embedded.chunk.id} has an embedding of {vector.size} dimensions, the index of {self._dimensions}: "
                "send its document again",
            )
        return ChunkRow(embedded.chunk, vector)

    def _remove(self, key: str) -> set[Namespace]:
        gone = self._entries.pop(key, None)
        if gone is None:
            return set()
        return {gone.namespace}

    def _add(self, part: DocumentChunks, known: DocumentEntry, rows: tuple[ChunkRow, ...]) -> set[Namespace]:
        held = known.parts.get(part.part)
        if held is not None and len(held) == len(rows) and all(map(ChunkRow.same, held, rows)):
            return set()
        if part.part == 0:
            return self._replace(part, rows)
        self._entries[part.document_key] = replace(known, parts={**known.parts, part.part: rows})
        return {known.namespace}

    def _replace(self, part: DocumentChunks, rows: tuple[ChunkRow, ...]) -> set[Namespace]:
        left = self._remove(part.document_key)
        entry = DocumentEntry(_head(part), {0: rows})
        self._entries[part.document_key] = entry
        return left | {entry.namespace}


def _head(part: DocumentChunks) -> DocumentChunks:
    return part.model_copy(update={"part": 0, "chunks": (), "embedder": None})
