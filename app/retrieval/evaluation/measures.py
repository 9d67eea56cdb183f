"""Measures of rankings, by the library ir-measures, and whether they differ by more than chance, by SciPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import MissingDependency

#: What is measured, by its name in tables.
NDCG, RECALL, MRR = MEASURES = ("nDCG@10", "recall@10", "MRR")
_INSTALL = 'pip install "meta-ai-orchestrator[eval]"'
#: As many samples as a p of 0.001 needs.
_RESAMPLES = 9999
#: Fixed, so that the same rankings give the same figures.
_SEED = 20260101

#: A number for each query, of shape (queries,).
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over the queries, and the bounds between which it is with a probability of 95 %."""

    mean: float
    low: float
    high: float


def require_dependencies() -> tuple[Any, Any]:
    """Return the modules `ir_measures` and `scipy.stats`.

    Raises:
        MissingDependency: one is not installed.
    """
    try:
        import ir_measures  # noqa: PLC0415  # optional
        import scipy.stats  # noqa: PLC0415  # optional, and heavy
    except ImportError as error:
        raise MissingDependency(_INSTALL) from error
    return ir_measures, scipy.stats


def measure(judgments: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> dict[str, Values]:
    """Return each of `MEASURES` for each query of `judgments`, in its order, from documents by query, best first."""
    ir_measures, _ = require_dependencies()
    measures = {ir_measures.nDCG @ 10: NDCG, ir_measures.R @ 10: RECALL, ir_measures.RR: MRR}
    # Ranks rather than scores: what has equal scores would be put into another order.
    scored = {query: {name: 1 / rank for rank, name in enumerate(found, 1)} for query, found in rankings.items()}
    place = {query: number for number, query in enumerate(judgments)}
    values = {name: np.zeros(len(place)) for name in measures.values()}
    for one in ir_measures.iter_calc(list(measures), dict(judgments), scored):
        values[measures[one.measure]][place[one.query_id]] = one.value
    return values


def interval(values: Values) -> Interval:
    """Return the mean of `values`, with its percentile bootstrap interval over the queries."""
    if len(values) < 2 or np.ptp(values) == 0:  # noqa: PLR2004  # one has no spread
        return Interval(*[float(values.mean())] * 3)
    _, stats = require_dependencies()
    rng = np.random.default_rng(_SEED)
    bounds = stats.bootstrap((values,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=rng)
    low, high = bounds.confidence_interval
    return Interval(float(values.mean()), float(low), float(high))


def significance(values: Values, others: Values) -> float:
    """Return how likely a difference of means as large as this is by chance: a paired randomisation test.

    Two-sided; recommended for rankings by Smucker, Allan and Carterette, CIKM 2007.
    """
    if len(values) < 2 or np.array_equal(values, others):  # noqa: PLR2004  # nothing can be permuted
        return 1.0
    _, stats = require_dependencies()
    rng = np.random.default_rng(_SEED)
    found = stats.permutation_test(
        (values - others,), np.mean, permutation_type="samples", n_resamples=_RESAMPLES, vectorized=True, rng=rng
    )
    return float(found.pvalue)
