"""The trade-off of a router at each threshold: quality against cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_POINTS = 101


@dataclass(frozen=True, slots=True)
class Point:
    """A threshold, and what it leads to.

    `strong_share` is the share of questions sent to the strong model, `quality` the mean quality of answers
    (0 to 1), `cost` the mean cost of a question in US dollars, `recovered` the share of the gap between the weak
    and the strong model that is closed (None where the strong one is not better).
    """

    threshold: float
    strong_share: float
    quality: float
    cost: float
    recovered: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Of each question, arrays of shape (questions,): the router's score, and quality and cost of both models."""

    scores: Floats
    weak: Floats
    strong: Floats
    weak_cost: Floats
    strong_cost: Floats

    def at(self, threshold: float) -> Point:
        """Return what a threshold leads to."""
        to_strong = self.scores >= threshold
        quality = float(np.where(to_strong, self.strong, self.weak).mean())
        cost = float(np.where(to_strong, self.strong_cost, self.weak_cost).mean())
        base, gap = float(self.weak.mean()), float(self.strong.mean() - self.weak.mean())
        recovered = (quality - base) / gap if gap > 0 else None
        return Point(threshold, float(to_strong.mean()), quality, cost, recovered)


def draw(outcomes: Outcomes) -> tuple[Point, ...]:
    """Return points from everything to the strong model (threshold 0) to everything to the weak one (1)."""
    between = np.quantile(outcomes.scores, np.linspace(0, 1, _POINTS))
    thresholds = sorted({0.0, 1.0, *(round(float(one), 6) for one in between)})
    points = [outcomes.at(threshold) for threshold in thresholds]
    # Of thresholds that send the same questions to the strong model, one is enough: the lowest; 1 for none of them.
    return tuple({point.strong_share: point for point in (*reversed(points), points[-1])}.values())[::-1]


def area(points: Sequence[Point]) -> float | None:
    """Return the mean of `recovered` over all shares sent to the strong model; chance gives 0.5.

    None where the strong model is not better. Source: the average performance gap recovered (APGR) of
    I. Ong et al., "RouteLLM: Learning to Route LLMs with Preference Data", ICLR 2025.
    """
    line = sorted((point.strong_share, point.recovered) for point in points if point.recovered is not None)
    if not line:
        return None
    shares, recovered = zip(*line, strict=True)
    return float(np.trapezoid(recovered, shares))


def choose(points: Sequence[Point], quality: float) -> Point:
    """Return the point with the fewest questions for the strong model that keeps `quality` of its quality.

    `quality` is a share, 0 to 1. Every point with more questions for the strong model keeps it too, so that a
    lucky one is not taken.
    """
    ordered = sorted(points, key=lambda point: -point.strong_share)
    chosen, wanted = ordered[0], quality * ordered[0].quality
    for point in ordered:
        if point.quality < wanted - 1e-12:
            break
        chosen = point
    return chosen
