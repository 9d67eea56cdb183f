"""Hybrid search: find chunks by meaning and by words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.retrieval.base import Vectors
from app.retrieval.index.chunk_table import ChunkRow
from app.retrieval.index.lexical import LexicalIndex
from app.retrieval.index.ranking import reciprocal_rank_fusion, top_ranked
from app.vectors import Vector
from topics.retrieval_results import Chunk

#: How far down each of the two rankings the fusion looks.
DEPTH = 100


class HybridIndex:
    """An immutable index over `rows`, at least one; any thread may read it.

    The exact cosine against every vector, and BM25 over heading and text, fused by reciprocal rank: each
    finds what the other misses, and ranks need no common scale as scores would.
    """

    def __init__(self, rows: Sequence[ChunkRow]) -> None:
        self._chunks = [row.chunk for row in rows]
        matrix = np.stack([row.vector for row in rows])
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        self._matrix: Vectors = np.divide(matrix, np.where(lengths == 0, 1, lengths), dtype=np.float32)
        self._lexical = LexicalIndex([f"{chunk.heading}\n{chunk.text}" for chunk in self._chunks])

    def search(self, query: str, vector: Vector, limit: int) -> list[Chunk]:
        """Return up to `limit` chunks for `query`, whose embedding is `vector`; the score is that of the fusion."""
        depth = max(DEPTH, limit)
        # Not `@`: BLAS would spread these few operations over threads that spin on cores needed elsewhere.
        by_meaning = top_ranked(np.einsum("ij,j->i", self._matrix, vector), depth)
        by_words = self._lexical.rank(query, depth)
        found = reciprocal_rank_fusion([by_meaning, by_words])[:limit]
        return [self._chunks[position].model_copy(update={"score": score}) for position, score in found]
