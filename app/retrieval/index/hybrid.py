"""Hybrid search: find chunks by meaning and by words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from app.retrieval.base import SearchScope
from app.retrieval.index import lexical
from app.retrieval.index.metadata_index import Mask
from app.retrieval.index.ranking import reciprocal_rank_fusion, top_ranked
from app.retrieval.index.segment import Segment
from app.vectors import Vector
from topics.retrieval_results import Chunk

#: How far down each of the two rankings the fusion looks.
DEPTH = 100
#: Cosines that are equal to so many decimals differ by chance.
_DECIMALS = 4
#: Of fewer than one in so many chunks, the vectors are copied rather than all compared.
_FEW = 4


def search(
    segments: Sequence[Segment],
    query: str,
    vector: Vector,
    *,
    limit: int,
    scope: SearchScope,
    understood: bool = True,
) -> list[Chunk]:
    """Return up to `limit` chunks for `query`, whose embedding is `vector`; the score is that of the fusion.

    The exact cosine against every vector, and BM25 over heading and text, fused by reciprocal rank: each
    finds what the other misses, and ranks need no common scale as scores would. What `scope` does not admit is in
    neither ranking. Chunks that are equal by meaning, or have the same score, are in the order of words. If the query
    is not `understood` by the embedder, what shares no word with it comes after what does.
    """
    masks = [segment.admitted(scope) for segment in segments]
    admitted = np.flatnonzero(np.concatenate(masks))
    depth = max(DEPTH, limit)
    scores = lexical.scores([segment.lexical for segment in segments], query)[admitted]
    by_words = [position for position in top_ranked(scores, depth) if scores[position] > 0]
    ranks = np.full(len(admitted), len(by_words))
    ranks[by_words] = np.arange(len(by_words))
    likeness = np.concatenate([_likeness(*pair, vector) for pair in zip(segments, masks, strict=True)])
    by_meaning = [int(position) for position in np.lexsort((ranks, -likeness.round(_DECIMALS)))[:depth]]
    if not understood:
        by_words += [position for position in by_meaning if ranks[position] == len(by_words)]
    found = reciprocal_rank_fusion([by_meaning, by_words] if understood else [by_words])
    found.sort(key=lambda pair: (-pair[1], ranks[pair[0]]))
    return [
        _chunk(segments, int(admitted[position])).model_copy(update={"score": score})
        for position, score in found[:limit]
    ]


def _likeness(segment: Segment, mask: Mask, vector: Vector) -> Vector:
    """Return the cosines of the chunks that `mask` admits with a vector."""
    few = np.count_nonzero(mask) * _FEW < len(mask)
    # Not `@`: BLAS would spread these few operations over threads that spin on cores needed elsewhere.
    cosines: Vector = np.einsum("ij,j->i", segment.matrix[mask] if few else segment.matrix, vector)
    return cosines if few else cosines[mask]


def _chunk(segments: Sequence[Segment], position: int) -> Chunk:
    """Return the chunk at a position of all segments, one after the other."""
    ends = accumulate(len(segment.chunks) for segment in segments)
    segment, end = next((segment, end) for segment, end in zip(segments, ends, strict=True) if position < end)
    return segment.chunks[position - end]
