"""A simulated panel of models whose accuracies, and the correlation of whose errors, are known.

A model is right when a latent score lies below the normal quantile of its accuracy, so its accuracy is exact
whatever the correlation. The score is a sum of independent standard normals, weighted by their shares of the
variance: how hard the question is (`shared`, the same for all models), what a family of models has in common
(`kin`), what this model thinks of this question (`steady`, the same for all its samples), and the lot of one
sample. That is a Gaussian copula with factors (D. X. Li, "On Default Correlation", 2000). A wrong answer is
the question's decoy with the probability `decoy`, and otherwise any of the other wrong ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

RIGHT, DECOY = 0, 1
_QUANTILE = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """A simulated model; `accuracies` by topic override `accuracy`, `cost` and `seconds` are those of a call."""

    name: str
    accuracy: float
    accuracies: Mapping[str, float] = field(default_factory=dict)
    shared: float = 0.2
    family: str = ""
    kin: float = 0.0
    steady: float = 0.3
    cost: float = 1.0
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class PanelAnswers:
    """What the models of a panel say to n questions.

    `topics` and `difficulty` have the shape (n,); `said`, of shape (n, models, samples), is the option that is
    answered: 0 the right one, 1 the decoy, then the others.
    """

    panel: SimulatedPanel
    topics: tuple[str, ...]
    difficulty: Floats
    said: Integers

    @property
    def right(self) -> Floats:
        """1.0 where an answer is right: shape (n, models, samples)."""
        return np.where(self.said == RIGHT, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class SimulatedPanel:
    """Models that are asked questions with `options` answers each, on `topics`."""

    models: tuple[SimulatedModel, ...]
    options: int = 10
    decoy: float = 0.2
    topics: tuple[str, ...] = ("general",)

    @property
    def best(self) -> int:
        """The place of the model with the greatest accuracy over all topics, by what is known, not by luck."""
        return max(range(len(self.models)), key=lambda at: np.mean(self._accuracies(self.models[at], self.topics)))

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(model.name for model in self.models)

    def draw(self, n: int, lots: np.random.Generator, *, samples: int = 1) -> PanelAnswers:
        """Return the answers to `n` new questions, each model asked `samples` times."""
        topics = tuple(self.topics[at] for at in lots.integers(len(self.topics), size=n))
        difficulty = lots.standard_normal(n)
        families = {name: lots.standard_normal(n) for name in sorted({model.family for model in self.models})}
        right = [
            self._scores(model, difficulty, families[model.family], lots, samples)
            < np.array([_QUANTILE(accuracy) for accuracy in self._accuracies(model, topics)])[:, None]
            for model in self.models
        ]
        said = np.where(np.stack(right, axis=1), RIGHT, self._wrong((n, len(self.models), samples), lots))
        return PanelAnswers(self, topics, difficulty, said)

    @staticmethod
    def _accuracies(model: SimulatedModel, topics: Sequence[str]) -> list[float]:
        return [model.accuracies.get(topic, model.accuracy) for topic in topics]

    @staticmethod
    def _scores(
        model: SimulatedModel, difficulty: Floats, kin: Floats, lots: np.random.Generator, samples: int
    ) -> Floats:
        """Return standard normals of shape (n, samples): of what is left, `steady` is the model's own."""
        left = 1 - model.shared - model.kin
        common = np.sqrt(model.shared) * difficulty + np.sqrt(model.kin) * kin
        own = np.sqrt(left * model.steady) * lots.standard_normal(len(difficulty))
        luck = np.sqrt(left * (1 - model.steady)) * lots.standard_normal((len(difficulty), samples))
        scores: Floats = (common + own)[:, None] + luck
        return scores

    def _wrong(self, shape: tuple[int, ...], lots: np.random.Generator) -> Integers:
        scattered = lots.integers(DECOY + 1, self.options, size=shape)
        return np.where(lots.random(shape) < self.decoy, DECOY, scattered)
