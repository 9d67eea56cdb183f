"""Vectors for chunks that another embedder has embedded."""

from __future__ import annotations

from app import vectors
from app.errors import InvalidEvent
from app.retrieval.base import Embedder, in_background, searchable
from topics.chunks import DocumentChunks, EmbeddedChunk


async def with_vectors_of(embedder: Embedder, part: DocumentChunks) -> DocumentChunks:
    """Return a part with vectors of `embedder`: the part itself if it has them, or else with vectors made again.

    Raises:
        InvalidEvent: an embedding is malformed, or is of another embedder, and making it again costs money.
        RetrievalError: a vector could not be made.
    """
    trusted = part.embedder is None and getattr(embedder, "trusts_unnamed", True)
    if trusted or part.embedder == embedder.name:
        return part
    for one in part.chunks:
        vectors.decode(one.embedding)  # what is malformed is no event of ours
    if not getattr(embedder, "remakes_vectors", True):
        raise InvalidEvent(
            "invalid",
            f"{part.document_key} was embedded with {part.embedder}, not with {embedder.name}: add the "
            "document again, or set retrieval.embedder to that one",
        )
    rows = await in_background(embedder).embed([searchable(one.chunk) for one in part.chunks])
    made = (
        EmbeddedChunk(chunk=one.chunk, embedding=vectors.encode(row))
        for one, row in zip(part.chunks, rows, strict=True)
    )
    return part.model_copy(update={"chunks": tuple(made)})
