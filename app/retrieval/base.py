"""The ports of retrieval: turning text into vectors, and a store that finds chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk

#: One row for each text, float32, each row of length 1 (so that a dot product is the cosine).
Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors.

    Its class may say with `batch_size` how many texts suit one call, 1 if it gains nothing from several, and with
    `batch_calls` how many calls at once: see `app.retrieval.embedding.batcher`.
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


class Store(Protocol):
    """Holds chunks, and finds them again; fed from the log of chunks, whose position it keeps with them."""

    async def load(self) -> None:
        """Take up what `save` left; called once, before anything else.

        Raises:
            RetrievalError: what was saved cannot be read.
        """
        ...

    async def save(self) -> None:
        """Persist what has changed, with the position; a store that lives elsewhere does nothing.

        Raises:
            RetrievalError: it cannot be written.
        """
        ...

    def get_position(self) -> Mapping[str, int]:
        """Return for each partition of the log the offset of the next event to apply."""
        ...

    def set_position(self, position: Mapping[str, int]) -> None:
        """Remember how much of the log has been applied."""
        ...

    async def apply(self, part: DocumentChunks) -> None:
        """Take in one part of a document, as `topics.chunks` defines it; repeating it changes nothing."""
        ...

    async def search(self, query: str, *, limit: int, collection: str) -> list[Chunk]:
        """Return up to `limit` chunks with their scores, best first; none when the collection is empty.

        Raises:
            RetrievalError: the store or the embedder failed.
        """
        ...

    async def close(self) -> None:
        """Persist what is not yet on disk, and release resources."""
        ...
