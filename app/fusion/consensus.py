"""Take the answer that is nearest to all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.fusion.base import Candidate, Fused, ranked
from app.fusion.normalise import normalise

Matrix = npt.NDArray[np.float64]


class Consensus:
    """The medoid of the answers by meaning: for free text, where no two are spelt the same.

    Agreement is the mean cosine between the chosen answer and the others, 1 when it is alone. Without an
    embedding for each, equal normalised texts count as near and all others as far.
    """

    name = "consensus"
    needs_embeddings = True

    def fuse(self, candidates: Sequence[Candidate], *, order: Sequence[str] = ()) -> Fused:
        """Return the candidate with the greatest mean similarity to the others."""
        pool = ranked(candidates, order)
        if len(pool) == 1:
            return Fused(pool[0].text, pool[0].branch, 1.0, "the only answer")
        vectors = _unit_vectors(pool)
        near = _equality(pool) if vectors is None else np.clip(vectors @ vectors.T, -1, 1)
        means = (near.sum(axis=1) - near.diagonal()) / (len(pool) - 1)
        # Rounded, so that answers that are equally near tie, and do not differ by the noise of float sums.
        place = int(np.argmax(means.round(6)))
        agreement = float(np.clip(means[place], 0, 1))
        how = "by meaning" if vectors is not None else "by equal text, as embeddings are missing"
        return Fused(pool[place].text, pool[place].branch, agreement, f"nearest to the other {len(pool) - 1} {how}")

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: any answer can move the middle."""
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
    texts = [normalise(candidate.text) for candidate in pool]
    return np.array([[float(one == other) for other in texts] for one in texts])
