"""Fitting a router for `learned` from recorded answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.errors import ConfigurationError
from app.routing import curve, logistic
from app.routing.curve import Outcomes, Point
from app.routing.logistic import Floats
from app.routing.router import Router
from app.routing.text_features import NAMES, features

#: Half the price of a squared coefficient: cross-validation takes one of these.
RIDGES = (1.0, 10.0, 100.0, 1000.0)
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """A question that both models answered: how good the answers were (0 to 1), and what they cost in US dollars."""

    text: str
    weak: float
    strong: float = 1.0
    weak_cost: float = 0.0
    strong_cost: float = 0.0

    @property
    def needs_strong(self) -> bool:
        """Whether the strong model's answer was better."""
        return self.strong > self.weak


@dataclass(frozen=True, slots=True)
class Fitted:
    """A router, and what it can be expected to do.

    `points` and `log_loss` come from questions that the router had not seen (cross-validation); `area` is the
    mean share of the gap that is closed: 0.5 is chance, None where the strong model is not better. `chosen` is
    the point of the router's threshold.
    """

    router: Router
    points: tuple[Point, ...]
    chosen: Point
    area: float | None
    log_loss: float
    ridge: float


def fit(
    samples: Sequence[Sample],
    vectors: npt.ArrayLike | None = None,
    *,
    embedder: str = "",
    quality: float = 0.95,
    folds: int = 5,
    seed: int = 0,
) -> Fitted:
    """Return a router whose threshold keeps `quality`, a share from 0 to 1, of the strong model's quality.

    `vectors` are the embeddings of the texts by `embedder`, of shape (samples, dimensions); without them the
    router judges by what can be seen of a text. `seed` deals the samples into `folds`.

    Raises:
        ConfigurationError: too few samples, or always the same model won.
    """
    y = np.array([sample.needs_strong for sample in samples], dtype=float)
    _enough(y, folds)
    x = _columns(samples, vectors)
    dealt = _deal(y, folds, seed)
    unseen = {ridge: _unseen(x, y, ridge, dealt) for ridge in RIDGES}
    losses = {ridge: logistic.log_loss(y, scores) for ridge, scores in unseen.items()}
    ridge = min(losses, key=losses.__getitem__)
    points = curve.draw(_outcomes(samples, unseen[ridge]))
    chosen = curve.choose(points, quality)
    router = _router(logistic.fit(x, y, ridge), embedder, chosen.threshold)
    return Fitted(router, points, chosen, curve.area(points), losses[ridge], ridge)


def evaluate(router: Router, samples: Sequence[Sample], vectors: npt.ArrayLike | None = None) -> tuple[Point, ...]:
    """Return what a router does with `samples`, at its own and at all other thresholds.

    Raises:
        ValueError: the router needs embeddings, and `vectors` are missing or of another size.
    """
    rows = [None] * len(samples) if vectors is None else list(np.asarray(vectors, dtype=np.float32))
    scores = [router.score(sample.text, row) for sample, row in zip(samples, rows, strict=True)]
    outcomes = _outcomes(samples, np.array(scores))
    return (outcomes.at(router.threshold), *curve.draw(outcomes))


def _enough(y: Floats, folds: int) -> None:
    if len(y) < FEWEST:
        raise ConfigurationError(f"a router cannot be fitted on {len(y)} questions; give at least {FEWEST}")
    stronger = int(y.sum())
    if stronger < folds or len(y) - stronger < folds:
        raise ConfigurationError(
            f"the strong model was better {stronger} of {len(y)} times: nothing can be learned from that; "
            f"give questions of which each model wins at least {folds}"
        )


def _columns(samples: Sequence[Sample], vectors: npt.ArrayLike | None) -> Floats:
    seen = np.array([list(features(sample.text).values()) for sample in samples], dtype=float)
    return seen if vectors is None else np.column_stack([seen, np.asarray(vectors, dtype=float)])


def _deal(y: Floats, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Return a fold for each sample; both outcomes are spread evenly over the folds."""
    lots = np.random.default_rng(seed).random(len(y))
    dealt = np.empty(len(y), dtype=np.int64)
    dealt[np.lexsort((lots, y))] = np.arange(len(y)) % folds
    return dealt


def _unseen(x: Floats, y: Floats, ridge: float, dealt: npt.NDArray[np.int64]) -> Floats:
    """Return for each sample the score of a router that was fitted on the other folds."""
    scores = np.empty(len(y))
    for fold in np.unique(dealt):
        out = dealt == fold
        scores[out] = logistic.fit(x[~out], y[~out], ridge).predict(x[out])
    return scores


def _outcomes(samples: Sequence[Sample], scores: Floats) -> Outcomes:
    columns = zip(*((one.weak, one.strong, one.weak_cost, one.strong_cost) for one in samples), strict=True)
    return Outcomes(scores, *map(np.array, columns))


def _router(line: logistic.Line, embedder: str, threshold: float) -> Router:
    seen, rest = line.coefficients[: len(NAMES)], line.coefficients[len(NAMES) :]
    return Router(
        intercept=line.intercept,
        features=dict(zip(NAMES, map(float, seen), strict=True)),
        embedding=tuple(map(float, rest)),
        embedder=embedder if len(rest) else "",
        threshold=threshold,
    )
