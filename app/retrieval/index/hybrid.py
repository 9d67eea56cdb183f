"""Hybrid search: find chunks by meaning and by words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from app.retrieval.base import SearchScope
from app.retrieval.index import lexical
from app.retrieval.index.lexical import Scores
from app.retrieval.index.metadata_index import Mask
from app.retrieval.index.ranking import Fusion, convex_combination, reciprocal_rank_fusion, top_ranked
from app.retrieval.index.segment import Segment
from app.vectors import Vector
from topics.retrieval_results import Chunk

#: How far down each of the two rankings the fusion of ranks looks.
DEPTH = 100
DEFAULT = Fusion()
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
    fusion: Fusion = DEFAULT,
) -> list[Chunk]:
    """Return up to `limit` chunks for `query`, whose embedding is `vector`; the score is that of the fusion.

    The exact cosine against every vector, and BM25 over heading and text: each finds what the other misses. What
    `scope` does not admit is in neither ranking, and what its roles hide does not count for how rare a word is. Of
    chunks that are equal by meaning, those with the words come first. If the query is not `understood` by the embedder,
    what shares no word with it comes after what does.
    """
    visible = [segment.visible(scope.roles) for segment in segments]
    by = scope.filter
    masks = [mask & segment.wanted(by) for segment, mask in zip(segments, visible, strict=True)] if by else visible
    admitted = np.flatnonzero(np.concatenate(masks))
    words = lexical.scores([segment.lexical for segment in segments], query, visible)[admitted]
    likeness = np.concatenate([_likeness(*pair, vector) for pair in zip(segments, masks, strict=True)])
    likeness = likeness.round(_DECIMALS)
    if not understood:
        found = [(int(position), float(words[position])) for position in np.lexsort((-likeness, -words))[:limit]]
    elif fusion.method == "reciprocal-rank":
        found = _by_reciprocal_rank(likeness, words, limit)
    else:
        scores = convex_combination(likeness, words, fusion.vector_weight)
        best = top_ranked(scores, limit, _order(segments, admitted))
        found = [(position, float(scores[position])) for position in best]
    return [_chunk(segments, int(admitted[position])).model_copy(update={"score": score}) for position, score in found]


def _by_reciprocal_rank(likeness: Vector, words: Scores, limit: int) -> list[tuple[int, float]]:
    depth = max(DEPTH, limit)
    by_words = [position for position in top_ranked(words, depth) if words[position] > 0]
    ranks = np.full(len(words), len(by_words))
    ranks[by_words] = np.arange(len(by_words))
    by_meaning = [int(position) for position in np.lexsort((ranks, -likeness))[:depth]]
    found = reciprocal_rank_fusion([by_meaning, by_words])
    return sorted(found, key=lambda pair: (-pair[1], ranks[pair[0]]))[:limit]


def _likeness(segment: Segment, mask: Mask, vector: Vector) -> Vector:
    """Return the cosines of the chunks that `mask` admits with a vector."""
    few = np.count_nonzero(mask) * _FEW < len(mask)
    # Not `@`: BLAS would spread these few operations over threads that spin on cores needed elsewhere.
    cosines: Vector = np.einsum("ij,j->i", segment.matrix[mask] if few else segment.matrix, vector)
    return cosines if few else cosines[mask]


def _order(segments: Sequence[Segment], admitted: npt.NDArray[np.int64]) -> Callable[[int], tuple[str, int]]:
    """Return what puts equally good chunks in order, whichever segments they are in."""

    def order(position: int) -> tuple[str, int]:
        segment, row = _place(segments, int(admitted[position]))
        return segment.order(row)

    return order


def _place(segments: Sequence[Segment], position: int) -> tuple[Segment, int]:
    """Return the segment and the row of a position of all segments, one after the other."""
    ends = accumulate(len(segment.chunks) for segment in segments)
    segment, end = next((segment, end) for segment, end in zip(segments, ends, strict=True) if position < end)
    return segment, position - end + len(segment.chunks)


def _chunk(segments: Sequence[Segment], position: int) -> Chunk:
    segment, row = _place(segments, position)
    return segment.chunks[row]
