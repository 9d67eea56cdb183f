"""The ports of retrieval: turning text into vectors, and a store that finds chunks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from app.retrieval.filtering import matches
from app.vectors import Vector
from topics.chunks import DocumentChunks
from topics.metadata_filters import MetadataFilter
from topics.retrieval_results import Chunk

#: In a table, there are more tokens in the tags than in the cells, and an embedder reads only so many.
_TABLE_TAG = re.compile(r"</?(?:table|thead|tbody|tfoot|tr|td|th)\b[^<>]*+>", re.IGNORECASE)

#: One row for each text, float32, each row of length 1 (so that a dot product is the cosine).
Vectors = npt.NDArray[np.float32]


def searchable(chunk: Chunk) -> str:
    """Return what is embedded of a chunk, and what is searched for words: all but the tags of HTML tables."""
    text = "\n".join(part for part in (chunk.heading, chunk.header, chunk.text) if part)
    return _TABLE_TAG.sub(" ", text)


@dataclass(frozen=True, slots=True)
class SearchScope:
    """What a search may find of a collection, for a task of this tenant (empty: of none) with these roles.

    With a `filter`, it is only what that wants.
    """

    collection: str = "default"
    tenant: str = ""
    roles: frozenset[str] = frozenset()
    filter: MetadataFilter | None = None

    def admits(self, document: DocumentChunks) -> bool:
        """Whether a document may be found: shared or the tenant's own, for one of the roles if for any, and wanted."""
        return (
            document.collection == self.collection
            and document.tenant in {"", self.tenant}
            and (document.allowed_roles is None or not self.roles.isdisjoint(document.allowed_roles))
            and (self.filter is None or matches(self.filter, document.metadata))
        )


class Embedder(Protocol):
    """Turns texts into vectors.

    Its class may set `batch_size`, the best number of texts per call (1 if batches gain nothing), and `batch_calls`,
    the number of concurrent calls: see `app.retrieval.embedding.batcher`. It may have a method `understands(text)`: for
    a query for which it returns False, in a language that it does not know, search relies on words. If it sets
    `trusts_unnamed` to False, vectors in the log that do not name their embedder are made again; if `remakes_vectors`
    is False, an index leaves out vectors of others instead of making them again, which may cost money.

    It may have a method `embed_query(texts)`, if it embeds queries in another way than what is searched.
    """

    #: Identifies model and version: vectors of different names are not comparable.
    name: str
    dimensions: int

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return an array of shape (len(texts), dimensions); the event loop is not blocked.

        Raises:
            RetrievalError: the embedding could not be computed.
        """
        ...

    async def close(self) -> None:
        """Release what the embedder holds; it is not used afterwards."""
        ...


async def embed_query(embedder: Embedder, query: str) -> Vector:
    """Return the vector of a query, with which chunks are searched.

    Raises:
        RetrievalError: the embedding could not be computed.
    """
    embed: Callable[[Sequence[str]], Awaitable[Vectors]] = getattr(embedder, "embed_query", embedder.embed)
    found: Vector = (await embed([query]))[0]
    return found


def in_background(embedder: Embedder) -> Embedder:
    """Return the embedder for work that nobody waits for: it comes after that of others, where the embedder can."""
    found: Embedder = getattr(embedder, "background", embedder)
    return found


class SearchableStore(Protocol):
    """What every store does: `Store`, of which each worker has its own, and `RemoteStore`, which all share."""

    async def load(self) -> None:
        """Get ready; called once, before anything else."""
        ...

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document, as `topics.chunks` defines it; repeating it changes nothing."""
        ...

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        """Return up to `limit` chunks with their scores, best first."""
        ...

    async def close(self) -> None:
        """Release resources."""
        ...


class Store(Protocol):
    """Stores chunks and searches them; it is fed from the log of chunks, whose position it stores with them.

    Each worker has its own. What all workers share is a `RemoteStore`. It may have a method `vectors_of(document_key)`,
    which returns the vectors of a document's chunks by their ids: then those of a changed document that did not change
    are not embedded again.
    """

    async def load(self) -> None:
        """Restore what `save` wrote; called once, before anything else.

        Raises:
            RetrievalError: the saved data cannot be read.
        """
        ...

    async def save(self) -> None:
        """Persist changes and the position; a remote store does nothing.

        Raises:
            RetrievalError: it cannot be written.
        """
        ...

    def get_position(self) -> Mapping[str, int]:
        """Return for each partition of the log the offset of the next event to apply."""
        ...

    def set_position(self, position: Mapping[str, int]) -> None:
        """Set how much of the log has been applied."""
        ...

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document, as `topics.chunks` defines it; repeating it changes nothing."""
        ...

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        """Return up to `limit` chunks with their scores, best first, of documents that `scope` admits, and of no other.

        What is not admitted takes no place among the `limit`. A document is named by its tenant and its id: two tenants
        may have the same id.

        Raises:
            RetrievalError: the store or the embedder failed.
        """
        ...

    async def close(self) -> None:
        """Persist what is not yet on disk, and release resources."""
        ...


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How a remote store is: `index` is the live one, made with `embedder`; None before it is made.

    With a `problem`, it cannot be used.
    """

    index: str | None = None
    embedder: str | None = None
    dimensions: int | None = None
    chunks: int | None = None
    problem: str | None = None


class RemoteStore(Protocol):
    """A store outside of the workers: they all search it, and one of them, with the agent `index`, writes each event.

    Its class sets `remote`. Events of a document come in their order, one after the other; each may come again, after a
    failure or from another worker, and must change nothing then.
    """

    remote: ClassVar[bool]

    async def load(self) -> None:
        """Connect, and make an index if there is none; called once, before anything else.

        Raises:
            ConfigurationError: its index was made with another embedder.
            RetrievalError: it cannot be reached.
        """
        ...

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document, as `topics.chunks` defines it, and return when it is written.

        Raises:
            InvalidEvent: an embedding is malformed or has other dimensions; nothing is changed.
            RetrievalError: it is not all written; the same part is given again.
        """
        ...

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        """Return up to `limit` chunks with their scores, best first, as `Store.search` does.

        Raises:
            RetrievalError: the store or the embedder failed.
        """
        ...

    async def status(self) -> StoreStatus:
        """Return how it is; what is wrong is a part of it."""
        ...

    async def rebuild(self) -> Rebuild:
        """Begin a new index beside the one that is searched, which replaces it when it is complete.

        Raises:
            RetrievalError: it cannot be made.
        """
        ...

    async def revisions(self) -> dict[str, dict[str, int]]:
        """Return for the key of each document, and each of its revisions, how many chunks there are.

        Raises:
            RetrievalError: the store failed.
        """
        ...

    async def remove_revisions(self, orphaned: Mapping[str, Sequence[str]]) -> None:
        """Remove the chunks of these revisions, which are given for the key of each document.

        Raises:
            RetrievalError: the store failed.
        """
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class Rebuild(Protocol):
    """An index that is being made."""

    name: str

    async def apply(self, part: DocumentChunks) -> None:
        """Apply one part of a document to it."""
        ...

    async def switch(self) -> None:
        """Let searches and writes use it from now on, in one step."""
        ...

    async def finish(self) -> None:
        """Remove the indexes before it."""
        ...

    async def abandon(self) -> None:
        """Remove it; the index that is searched stays."""
        ...


def revision(part: DocumentChunks) -> str:
    """Return a hash of what all parts of a document share: equal for the parts of one version, and for no other."""
    head = part.model_copy(update={"part": 0, "chunks": (), "embedder": None})
    return blake2b(head.to_json(), digest_size=16).hexdigest()


def is_remote(store: SearchableStore) -> TypeGuard[RemoteStore]:
    """Return whether a store is outside of the workers."""
    return bool(getattr(store, "remote", False))
