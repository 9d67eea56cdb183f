"""Rankings: from scores, and fused from several rankings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", int, str)
#: Numbers of either precision, of shape (n,).
Numbers = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the ranking by meaning and the one by words become one; a `vector_weight` of 1 or 0 is one of them alone."""

    method: Literal["convex", "reciprocal-rank"] = "convex"
    vector_weight: float = 0.8


def top_ranked(scores: Numbers, count: int, order: Callable[[int], Any] | None = None) -> list[int]:
    """Return the positions of the `count` highest of `scores`, best first; ties by `order`, or else as they are."""
    among = np.arange(len(scores))
    if count < len(scores):  # to sort them all takes ten times as long
        among = np.flatnonzero(scores >= np.partition(scores, len(scores) - count)[len(scores) - count])
    found: list[int] = among[np.argsort(-scores[among], kind="stable")].tolist()
    if order is None:
        return found[:count]
    ranked: list[int] = []
    for _, tied in groupby(found, key=scores.__getitem__):
        same = list(tied)
        ranked += sorted(same, key=order) if len(same) > 1 else same
        if len(ranked) >= count:
            break
    return ranked[:count]


def convex_combination(likeness: Numbers, words: Numbers, vector_weight: float) -> Numbers:
    """Return the scores of both rankings as one, from cosines and from BM25 for a query of length 1.

    Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023: it ranks better than
    reciprocal ranks do, which forget by how much one is better than another. Neither half is scaled by what was found,
    unlike there: cosines have a scale of their own, and BM25 has one if the query's weights are a vector of length 1.
    So the best of a query whose words nobody uses does not count as a full match, and a score does not depend on what
    else the task may see.
    """
    return vector_weight * (1 + likeness) / 2 + (1 - vector_weight) * words


def reciprocal_rank_fusion(rankings: Iterable[Sequence[T]], *, k: int = 60) -> list[tuple[T, float]]:
    """Return every item of `rankings` with its reciprocal rank fusion score, best first.

    An item scores the sum of 1 / (k + rank) over the rankings that have it, with ranks from 1: Cormack,
    Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods", SIGIR 2009, who found k = 60. Ties are broken by the items' own order. Each ranking names an
    item once.
    """
    shares: defaultdict[T, list[float]] = defaultdict(list)
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            shares[item].append(1 / (k + rank))
    # Sorted before summing: the sum of floats depends on the order.
    scores = ((item, sum(sorted(found))) for item, found in shares.items())
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))
