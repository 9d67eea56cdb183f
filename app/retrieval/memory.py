"""A store in the worker's memory, optionally persisted to a file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from app.errors import RetrievalError
from app.retrieval import snapshot
from app.retrieval.base import Embedder, SearchScope, embed_query
from app.retrieval.index import hybrid, lexical
from app.retrieval.index.chunk_table import ChunkTable, Namespace
from app.retrieval.index.namespace_index import NamespaceIndex
from app.retrieval.index.ranking import Fusion
from app.retrieval.reembedding import with_vectors_of
from app.settings import RetrievalSettings
from app.vectors import Vector
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk


class MemoryStore:
    """Hybrid search over everything that fits into memory: exact, in milliseconds (`bench.retrieval` has the figures).

    Each tenant has an index of its own beside the one of what all share, so that neither words nor changes of one
    tenant touch another's searches. Indexes are built when a search needs them, off the event loop, and searches that
    wait for the same changes share one build. A search finds everything that was applied before it began.

    With a `path`, `load` resumes what `save` left there, together with the position in the log that it
    stands for: the feeder of the store sets it and resumes from it. The embedder is closed by its owner.
    """

    def __init__(self, embedder: Embedder, *, path: Path | None = None, fusion: Fusion = hybrid.DEFAULT) -> None:
        self._embedder = embedder
        self._fusion = fusion
        self._path = path
        self._catalogue = ChunkTable(embedder.dimensions)
        self._position: dict[str, int] = {}
        self._unsaved = False
        self._indexes: dict[Namespace, NamespaceIndex] = {}
        self._saving = asyncio.Lock()
        self._writing = threading.Lock()

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> Self:
        """Return a store that persists at `settings.path`, if there is one."""
        return cls(embedder, path=settings.path, fusion=Fusion(settings.fusion, settings.vector_weight))

    async def load(self) -> None:
        """Resume from the file, if there is a usable one; call it once, before anything else.

        Raises:
            MissingDependency: the lexical index is not installed.
            RetrievalError: the file exists but cannot be read.
        """
        await asyncio.to_thread(lexical.require_dependencies)
        if self._path is None:
            return
        try:
            found = await asyncio.to_thread(snapshot.read, self._path, self._embedder.name)
        except OSError as error:
            raise RetrievalError(f"the index file {self._path} cannot be read: {error.strerror}") from error
        if found is not None:
            for part in found.parts:
                self._add(part)
            self._position = found.position
            self._unsaved = False

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document; repeating it changes nothing. Vectors of another embedder are made again.

        Raises:
            InvalidEvent: an embedding is malformed, has other dimensions, or is of another embedder, and making it
                again costs money; nothing is changed.
            RetrievalError: a vector could not be made; nothing is changed.
        """
        self._add(await with_vectors_of(self._embedder, part))

    def _add(self, part: DocumentChunks) -> None:
        changed = self._catalogue.apply(part)
        key, entry = part.document_key, self._catalogue.entry(part.document_key)
        for namespace in changed:
            index = self._indexes.setdefault(namespace, NamespaceIndex())
            index.set(key, entry if entry and entry.namespace == namespace else None)
        self._unsaved = self._unsaved or bool(changed)

    def vectors_of(self, document_key: str) -> Mapping[str, Vector]:
        """Return the vectors of a document's chunks, by their ids; none of a document that is not here."""
        entry = self._catalogue.entry(document_key)
        return {row.chunk.id: row.vector for row in entry.rows()} if entry else {}

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        """Return up to `limit` chunks, best first, each with the score of the fusion.

        Raises:
            RetrievalError: the query could not be embedded.
        """
        return await self.search_by(self._fusion, query, limit=limit, scope=scope)

    async def search_by(self, fusion: Fusion, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        """Search as `search` does, with another fusion than the configured one.

        Raises:
            RetrievalError: the query could not be embedded.
        """
        visible = {Namespace(scope.collection, ""), Namespace(scope.collection, scope.tenant)}
        # Nothing is kept for namespaces that tasks name, but no document.
        indexes = [self._indexes[namespace] for namespace in sorted(visible) if namespace in self._indexes]
        segments = [segment for index in indexes for segment in await index.segments()]
        if not segments:
            return []
        vector = await embed_query(self._embedder, query)
        understands = getattr(self._embedder, "understands", None)
        understood = understands(query) if understands else True
        return await asyncio.to_thread(
            hybrid.search,
            segments,
            query,
            vector,
            limit=limit,
            scope=scope,
            understood=understood,
            fusion=fusion,
        )

    def get_position(self) -> dict[str, int]:
        """Return the last position set: for each partition of the log, the offset of the next event."""
        return dict(self._position)

    def set_position(self, position: Mapping[str, int]) -> None:
        """Set how much of the log has been applied; call it after `apply`."""
        self._unsaved = self._unsaved or self._position != position
        self._position = dict(position)

    def parts(self) -> Iterator[DocumentChunks]:
        """Yield the documents that are held, as parts to apply to another store."""
        return self._catalogue.parts()

    async def save(self) -> None:
        """Write changes to the file; without changes, or without a path, do nothing.

        Raises:
            RetrievalError: the file cannot be written; the old one is untouched.
        """
        async with self._saving:
            if self._path is None or not self._unsaved:
                return
            self._unsaved = False
            try:
                await asyncio.to_thread(self._write, self._path, self._catalogue.copy(), self.get_position())
            except OSError as error:
                self._unsaved = True
                raise RetrievalError(f"the index file {self._path} cannot be written: {error.strerror}") from error
            except asyncio.CancelledError:
                self._unsaved = True  # the thread may still succeed, but the outcome is unknown
                raise

    async def close(self) -> None:
        """Save, and release everything."""
        await self.save()
        self._catalogue = ChunkTable(self._embedder.dimensions)
        for index in self._indexes.values():
            await index.close()
        self._indexes.clear()

    def _write(self, path: Path, catalogue: ChunkTable, position: dict[str, int]) -> None:
        with self._writing:  # a write whose caller was cancelled continues, and must not end after a newer one
            snapshot.write(path, self._embedder.name, position, catalogue.parts())
