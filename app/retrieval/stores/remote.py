"""The rules of a remote store, over any database."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from hashlib import blake2b
from typing import ClassVar
from uuid import UUID, uuid5

from app import vectors
from app.errors import ConfigurationError, InvalidEvent, OrchestratorError, RetrievalError
from app.redaction import redactor
from app.retrieval.base import Embedder, SearchScope, StoreStatus, embed_query, revision, searchable
from app.retrieval.index import lexical
from app.retrieval.index.ranking import reciprocal_rank_fusion
from app.retrieval.reembedding import with_vectors_of
from app.retrieval.stores.base import Database, Generation, Hit, IndexInfo, Point
from app.retrieval.stores.conditions import Wanted, numbers_of, role_tags, tags_of
from app.settings import RetrievalSettings
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.retrieval_results import Chunk

#: Ids of points are in it.
_POINTS = UUID("7c2f4a3e-9a55-4d0e-8f0b-3f3f5a0f7a11")
#: For how many seconds a search uses the generation that it has looked up.
_FRESH = 1.0
#: How many documents are remembered by their current revision.
_REMEMBERED = 10_000
#: How much further than its limit a search looks in each ranking, and how much further it goes where too much of what
#: a database finds is not admitted.
_DEPTH, _FURTHER = 3, 4
#: Terms of a text of this length count as they are (BM25's average length; k1 and b are Lucene's).
_USUAL_TERMS, _K1, _B = 100, 1.5, 0.75


class VectorStore:
    """A remote store on `database`, whose generations' names begin with `index`."""

    remote: ClassVar[bool] = True

    def __init__(self, embedder: Embedder, database: Database, settings: RetrievalSettings, *, index: str) -> None:
        self._embedder = embedder
        self._database = database
        self._name = settings.name
        self._timeout = settings.timeout
        self._redact = redactor(settings.secrets())
        self._failures: tuple[type[Exception], ...] = (OSError, *database.failures)
        self._index = index
        self._info = IndexInfo(embedder.name, embedder.dimensions)
        self._live: Generation | None = None
        self._looked_at = -_FRESH
        self._opened = False
        self._current: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def load(self) -> None:
        """Connect, and make the index if there is none.

        Raises:
            ConfigurationError: the index was made with another embedder.
            MissingDependency: a package is not installed.
            RetrievalError: the database cannot be reached.
        """
        if self._database.has_words:
            await asyncio.to_thread(lexical.require_dependencies)
        self._check(await self._generation())

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document to the live index, and return when a search finds it.

        Raises:
            InvalidEvent: an embedding is malformed or has other dimensions; nothing is changed.
            RetrievalError: it is not all written; the same part is given again.
        """
        live = await self._generation()
        self._check(live)
        await self.apply_to(live.name, part)

    async def apply_to(self, generation: str, part: DocumentChunks) -> None:
        """Apply one part to a generation.

        Raises:
            InvalidEvent, RetrievalError: as for `apply`.
        """
        points = self._points(await with_vectors_of(self._embedder, part))
        key, current = part.document_key, revision(part)
        async with self._failing():
            if part.part > 0:
                if await self._is_current(generation, part, current):
                    await self._database.upsert(generation, points)
                return
            self._current.pop((generation, key), None)
            if points:
                await self._database.upsert(generation, points)
            # After the writing, so that a document is always found; by revision, so that it takes no later part away.
            await self._database.delete(generation, key, keep=current if points else "")
        self._remember(generation, key, current if points else "")

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        """Return up to `limit` chunks, best first, each with its reciprocal rank fusion score.

        Raises:
            RetrievalError: the database or the embedder failed, or the index is another embedder's.
        """
        vector = await embed_query(self._embedder, query)
        understands = getattr(self._embedder, "understands", None)
        understood = understands(query) if understands else True
        live = await self._generation(fresh=False)
        self._check(live)
        wanted, depth = Wanted.of(scope), _DEPTH * limit
        nearest = partial(self._database.nearest, live.name, vector, wanted=wanted)
        rankings = [self._admitted(nearest, depth, scope)]
        terms = (await asyncio.to_thread(lexical.stems, [query]))[0] if self._database.has_words else []
        if terms:
            matching = partial(self._database.matching, live.name, list(dict.fromkeys(terms)), wanted=wanted)
            rankings.append(self._admitted(matching, depth, scope))
        async with self._failing():
            by_meaning, *rest = await asyncio.gather(*rankings)
        return _fused(by_meaning, rest[0] if rest else [], understood=understood)[:limit]

    async def status(self) -> StoreStatus:
        """Return how it is."""
        try:
            async with self._failing():
                await self._database.open()
                live = await self._database.live()
                if live is None:
                    return StoreStatus(problem="it has no index yet: the first worker makes it")
                chunks = await self._database.count(live.name)
        except OrchestratorError as error:
            return StoreStatus(problem=str(error))
        problem = None
        try:
            self._check(live)
        except OrchestratorError as error:
            problem = str(error)
        return StoreStatus(live.name, live.info.embedder, live.info.dimensions, chunks, problem)

    async def rebuild(self) -> IndexRebuild:
        """Begin a new index beside the live one, if there is one.

        Raises:
            RetrievalError: it cannot be made.
        """
        name = f"{self._index}_{int(time.time() * 1000):x}"
        async with self._failing():
            await self._database.open()
            await self._database.create(name, self._info)
        return IndexRebuild(self, self._database, name, self._failing)

    async def revisions(self) -> dict[str, dict[str, int]]:
        """Return for the key of each document, and each of its revisions, how many chunks there are.

        Raises:
            RetrievalError: the database failed.
        """
        live = await self._generation()
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        async with self._failing(patient=True):
            async for point in self._database.points(live.name):
                found[point.document][point.revision] += 1
        return {key: dict(counts) for key, counts in found.items()}

    async def remove_revisions(self, orphaned: Mapping[str, Sequence[str]]) -> None:
        """Remove the chunks of these revisions of documents.

        Raises:
            RetrievalError: the database failed.
        """
        live = await self._generation()
        for key, revisions in orphaned.items():
            for one in revisions:
                async with self._failing():
                    await self._database.delete(live.name, key, only=one)

    async def close(self) -> None:
        """Release the connections; the embedder is closed by its owner."""
        await self._database.close()

    async def _generation(self, *, fresh: bool = True) -> Generation:
        """Return the live generation: as it is now, or for a search as it was a moment ago."""
        if self._live is not None and not fresh and time.monotonic() - self._looked_at < _FRESH:
            return self._live
        async with self._failing():
            live = await self._database.live() if self._opened else await self._open()
        if live is None:
            raise RetrievalError(f"the store {self._name} has lost its index: restart a worker, which makes another")
        self._live, self._looked_at = live, time.monotonic()
        return live

    async def _open(self) -> Generation | None:
        """Connect, and return the live generation, which is made if there is none."""
        await self._database.open()
        if await self._database.live() is None:
            first = f"{self._index}_0"  # of this name, so that workers that start at once make one
            await self._database.create(first, self._info)
            await self._database.switch(first)
        self._opened = True
        return await self._database.live()

    def _check(self, live: Generation) -> None:
        if live.info != self._info:
            raise ConfigurationError(
                f"retrieval.stores.{self._name}: its index {live.name} was made with the embedder {live.info.embedder} "
                f"({live.info.dimensions} dimensions), and retrieval.embedder is {self._info.embedder} "
                f"({self._info.dimensions}): run `meta-ai stores reindex {self._name}` with this configuration"
            )

    async def _is_current(self, generation: str, part: DocumentChunks, current: str) -> bool:
        key = part.document_key
        if self._current.get((generation, key)) == current:
            return True
        first = _point_id(key, current, 0, 0)
        found = await self._database.has(generation, first, tenant=part.tenant, collection=part.collection)
        if found:
            self._remember(generation, key, current)
        return found

    def _remember(self, generation: str, key: str, current: str) -> None:
        self._current[generation, key] = current
        self._current.move_to_end((generation, key))
        if len(self._current) > _REMEMBERED:
            self._current.popitem(last=False)

    def _points(self, part: DocumentChunks) -> list[Point]:
        rows = [self._vector(one) for one in part.chunks]
        head = part.model_copy(update={"part": 0, "chunks": (), "embedder": None}).to_json().decode()
        texts = [searchable(one.chunk) for one in part.chunks] if self._database.has_words else []
        words = [_weights(stems) for stems in lexical.stems(texts)] or [{} for _ in rows]
        current, at = revision(part), time.time()
        return [
            Point(
                id=_point_id(part.document_key, current, part.part, number),
                vector=row,
                document=part.document_key,
                revision=current,
                head=head,
                chunk=one.chunk.to_json().decode(),
                source=one.chunk.source,
                collection=part.collection,
                tenant=part.tenant,
                roles=role_tags(part.allowed_roles),
                tags=tags_of(part.metadata),
                numbers=numbers_of(part.metadata),
                words=terms,
                at=at,
            )
            for number, (one, row, terms) in enumerate(zip(part.chunks, rows, words, strict=True))
        ]

    def _vector(self, embedded: EmbeddedChunk) -> vectors.Vector:
        vector = vectors.decode(embedded.embedding)
        if vector.size != self._info.dimensions:
            raise InvalidEvent(
                "invalid",
                f"{embedded.chunk.id} has an embedding of {vector.size} dimensions, the index of "
                f"{self._info.dimensions}: send its document again",
            )
        return vector

    async def _admitted(self, find: Callable[..., Awaitable[list[Hit]]], depth: int, scope: SearchScope) -> list[Chunk]:
        """Return the chunks that the scope admits, of as many as it takes to have `depth` of them, if there are any."""
        most = self._database.most
        limit = min(depth, most)
        while True:
            hits = await find(limit=limit)
            # By id, as two revisions of a document may be found while one replaces the other.
            chunks = list({chunk.id: chunk for hit in hits if (chunk := _chunk(hit, scope))}.values())
            if len(chunks) >= depth or len(hits) < limit or limit == most:
                return chunks[:depth]
            limit = min(limit * _FURTHER, most)

    @asynccontextmanager
    async def _failing(self, *, patient: bool = False) -> AsyncIterator[None]:
        """Turn what fails in the block into a `RetrievalError`, without the store's secret."""
        try:
            async with asyncio.timeout(None if patient else self._timeout):
                yield
        except OrchestratorError:
            raise
        except TimeoutError:
            raise RetrievalError(f"the store {self._name} did not answer within {self._timeout:g} s") from None
        except self._failures as error:
            text = self._redact((str(error).strip().splitlines() or [""])[0])[:300]
            raise RetrievalError(f"the store {self._name}: {type(error).__name__}: {text}") from None


class IndexRebuild:
    """A new index, beside the live one."""

    def __init__(
        self,
        store: VectorStore,
        database: Database,
        name: str,
        failing: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self.name = name
        self._store = store
        self._database = database
        self._failing = failing

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document to it."""
        await self._store.apply_to(self.name, part)

    async def switch(self) -> None:
        """Make it the live one."""
        async with self._failing():
            await self._database.switch(self.name)

    async def finish(self) -> None:
        """Remove the others, when no search uses them any more."""
        await asyncio.sleep(2 * _FRESH)
        async with self._failing():
            for name in await self._database.generations():
                if name != self.name:
                    await self._database.drop(name)

    async def abandon(self) -> None:
        """Remove it."""
        async with self._failing():
            await self._database.drop(self.name)


def _point_id(document: str, current: str, part: int, number: int) -> str:
    return str(uuid5(_POINTS, json.dumps([document, current, part, number])))


def _weights(stems: Sequence[str]) -> dict[str, float]:
    """Return BM25's weight of each term in a text but for its rarity, which databases know."""
    longer = 1 - _B + _B * len(stems) / _USUAL_TERMS
    return {stem: count * (_K1 + 1) / (count + _K1 * longer) for stem, count in Counter(stems).items()}


def term_number(term: str) -> int:
    """Return a number for a term, for databases whose sparse vectors have numbers in place of terms."""
    return int.from_bytes(blake2b(term.encode(), digest_size=4).digest()) >> 1


def _chunk(hit: Hit, scope: SearchScope) -> Chunk | None:
    """Return the chunk if the scope admits its document."""
    head = DocumentChunks.model_validate_json(hit.head)
    return Chunk.model_validate_json(hit.chunk) if scope.admits(head) else None


def _fused(by_meaning: Sequence[Chunk], by_words: Sequence[Chunk], *, understood: bool) -> list[Chunk]:
    """Return the chunks of both rankings; for a query that the embedder does not know, those with its words first."""
    chunks = {chunk.id: chunk for chunk in (*by_meaning, *by_words)}
    meaning, words = [chunk.id for chunk in by_meaning], [chunk.id for chunk in by_words]
    if not understood:
        rankings = [words + [key for key in meaning if key not in set(words)]]
    else:
        rankings = [meaning, words] if words else [meaning]
    return [chunks[key].model_copy(update={"score": score}) for key, score in reciprocal_rank_fusion(rankings)]
