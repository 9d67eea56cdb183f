"""Take the answer that is nearest to all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from app.fusion.base import Candidate, Fused, Panel, StrategyOptions, ranked
from app.fusion.counting import Groups
from app.fusion.extraction import whole

Matrix = npt.NDArray[np.float64]


class ConsensusOptions(StrategyOptions):
    """When two answers belong to one group."""

    same: float = Field(
        default=0.85,
        ge=-1,
        le=1,
        description="answers with at least this cosine are one group, as are those linked by others",
    )


class Consensus:
    """The answer that is nearest in meaning to all others: for free text, where no two are spelt the same.

    It is the medoid of the embeddings. Agreement is the mean cosine between it and the others, 1 when it is
    alone. Without an embedding for each, equal normalised texts count as near and all others as far.
    """

    name: ClassVar[str] = "consensus"
    Options: ClassVar[type[BaseModel]] = ConsensusOptions
    needs_embeddings = True
    models: tuple[str, ...] = ()

    def __init__(self, options: ConsensusOptions) -> None:
        self._same = options.same

    def fuse(self, panel: Panel) -> Fused:
        """Return the candidate with the greatest mean similarity to the others."""
        pool = ranked(panel.candidates, panel.order)
        if len(pool) == 1:
            only = pool[0]
            return Fused(only.text, only.branch, 1.0, "the only answer", groups=((only.branch,),), data=only.data)
        vectors = _unit_vectors(pool)
        # Rounded, so that rounding errors do not break ties.
        near = _equality(pool) if vectors is None else np.clip(vectors @ vectors.T, -1, 1).round(6)
        means = (near.sum(axis=1) - near.diagonal()) / (len(pool) - 1)
        place = int(np.argmax(means.round(6)))
        how = "by meaning" if vectors is not None else "by equal text, as embeddings are missing"
        reason = f"nearest to the other {len(pool) - 1} {how}"
        agreement, groups = float(np.clip(means[place], 0, 1)), _linked(pool, near >= self._same)
        return Fused(pool[place].text, pool[place].branch, agreement, reason, groups=groups, data=pool[place].data)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: any answer can change the medoid."""
        return outstanding == 0


def _unit_vectors(pool: Sequence[Candidate]) -> Matrix | None:
    """Return the embeddings as rows of length 1; None when one is missing, zero, or of another size."""
    found = [candidate.embedding for candidate in pool if candidate.embedding is not None]
    if len(found) < len(pool) or len({vector.shape for vector in found}) > 1:
        return None
    matrix: Matrix = np.stack(found).astype(np.float64)
    lengths: Matrix = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        return None
    return np.divide(matrix, lengths)


def _equality(pool: Sequence[Candidate]) -> Matrix:
    keys = [whole(candidate).key for candidate in pool]
    return np.array([[float(one == other) for other in keys] for one in keys])


def _linked(pool: Sequence[Candidate], same: npt.NDArray[np.bool_]) -> Groups:
    """Return the branches by connected component of `same`, of shape (candidates, candidates), largest first."""
    labels = list(range(len(pool)))
    for one, other in np.argwhere(same):
        kept, gone = sorted((labels[one], labels[other]))
        labels = [kept if label == gone else label for label in labels]
    members = [
        tuple(c.branch for c, label in zip(pool, labels, strict=True) if label == place)
        for place in sorted(set(labels))
    ]
    return tuple(sorted(members, key=len, reverse=True))
