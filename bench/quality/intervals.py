"""Means with confidence intervals, by the bootstrap (B. Efron, 1979), paired where two are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.quality.simulation.panel import Floats

_RESAMPLES = 1000
_TAILS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it in percent, as in `71.2 [69.1, 73.3]`."""
        return f"{self.mean:.1%} [{self.low:.1%}, {self.high:.1%}]".replace("%", "")


def estimate(values: Sequence[float] | Floats, seed: int = 0) -> Estimate:
    """Return the mean of `values` with its percentile interval."""
    array = np.asarray(values, dtype=np.float64)
    lots = np.random.default_rng(seed)
    # How often each distinct value is drawn is multinomial: as exact as drawing places, and much faster.
    distinct, counts = np.unique(array, return_counts=True)
    drawn = lots.multinomial(len(array), counts / len(array), size=_RESAMPLES)
    low, high = np.percentile(drawn @ distinct / len(array), _TAILS)
    return Estimate(float(array.mean()), float(low), float(high))


def gain(values: Sequence[float] | Floats, base: Sequence[float] | Floats, seed: int = 0) -> Estimate:
    """Return by how much `values` exceed `base`, both of the same questions in the same order."""
    return estimate(np.asarray(values, dtype=np.float64) - np.asarray(base, dtype=np.float64), seed)
