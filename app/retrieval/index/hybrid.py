"""Hybrid search: find chunks by meaning and by words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.retrieval.base import Vectors, searchable
from app.retrieval.index.chunk_table import ChunkRow
from app.retrieval.index.lexical import LexicalIndex
from app.retrieval.index.ranking import reciprocal_rank_fusion
from app.vectors import Vector
from topics.retrieval_results import Chunk

#: How far down each of the two rankings the fusion looks.
DEPTH = 100
#: Cosines that are equal to so many decimals differ by chance.
_DECIMALS = 4


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
        self._lexical = LexicalIndex([searchable(chunk) for chunk in self._chunks])

    def search(self, query: str, vector: Vector, limit: int, *, understood: bool = True) -> list[Chunk]:
        """Return up to `limit` chunks for `query`, whose embedding is `vector`; the score is that of the fusion.

        Chunks that are equal by meaning, or have the same score, are in the order of words. If the query is not
        `understood` by the embedder, what shares no word with it comes after what does.
        """
        depth = max(DEPTH, limit)
        by_words = self._lexical.rank(query, depth)
        ranks = np.full(len(self._chunks), len(by_words))
        ranks[by_words] = np.arange(len(by_words))
        # Not `@`: BLAS would spread these few operations over threads that spin on cores needed elsewhere.
        likeness = np.einsum("ij,j->i", self._matrix, vector).round(_DECIMALS)
        by_meaning = [int(position) for position in np.lexsort((ranks, -likeness))[:depth]]
        if not understood:
            by_words += [position for position in by_meaning if ranks[position] == len(by_words)]
        found = reciprocal_rank_fusion([by_meaning, by_words] if understood else [by_words])
        found.sort(key=lambda pair: (-pair[1], ranks[pair[0]]))
        return [self._chunks[position].model_copy(update={"score": score}) for position, score in found[:limit]]
