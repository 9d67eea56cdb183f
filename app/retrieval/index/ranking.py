"""Rankings: from scores, and fused from several rankings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", int, str)


def top_ranked(scores: npt.NDArray[np.float32], count: int) -> list[int]:
    """Return the positions of the `count` highest of `scores`, of shape (n,), best first; ties in order."""
    return [int(position) for position in np.argsort(-scores, kind="stable")[:count]]


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
