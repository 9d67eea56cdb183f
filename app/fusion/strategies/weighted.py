"""Take the answer with the most weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import exp, log
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, model_validator

from app.fusion.base import Candidate, Fused, Panel, ranked
from app.fusion.counting import Count, Weight, count, exact_fraction, is_decided
from app.fusion.election import NOTHING_READ, elected
from app.fusion.extraction import ExtractionOptions, extractor

#: The share of its answers that are right.
Accuracy = Annotated[float, Field(gt=0, lt=1)]


class WeightedOptions(ExtractionOptions):
    """Whose vote counts how much, and what is compared."""

    weights: dict[str, Weight] | None = Field(
        default=None,
        description="votes by model; 1 for a model that is not named",
        examples=[{"big": 3, "small": 1}],
    )
    accuracies: dict[str, Accuracy] | None = Field(
        default=None,
        description="how often each model is right, from 0 to 1; a model that is not named does not count",
        examples=[{"big": 0.9, "small": 0.6}],
    )
    choices: int = Field(default=2, ge=2, le=1_000_000, description="with accuracies: how many answers are possible")

    @model_validator(mode="after")
    def _one_of_them(self) -> WeightedOptions:
        if not self.weights and not self.accuracies:
            raise ValueError("give weights or accuracies, by model")
        if self.weights and self.accuracies:
            raise ValueError("give either weights or accuracies")
        return self


class Weighted:
    """A vote in which models count by given weights, or by how often they are right.

    With `accuracies` a vote weighs log((K - 1) p / (1 - p)) for a model that is right with the probability p among K
    choices: the best there is for models that err independently (Nitzan and Paroush, 1982). Below 1/K that is
    negative: the vote of such a model makes its answer less probable. Agreement is the winner's share of the weight.
    Confidence, with accuracies, is the probability that the winner is right under that assumption.
    """

    name: ClassVar[str] = "weighted"
    Options: ClassVar[type[BaseModel]] = WeightedOptions
    needs_embeddings = False
    models: tuple[str, ...] = ()

    def __init__(self, options: WeightedOptions) -> None:
        self._read = extractor(options)
        self._keep = options.keep
        self._choices = options.choices if options.accuracies else None
        self._weights = _log_odds(options.accuracies or {}, options.choices) or {
            model: exact_fraction(weight) for model, weight in (options.weights or {}).items()
        }
        self._otherwise = Fraction(0 if options.accuracies else 1)

    def fuse(self, panel: Panel) -> Fused:
        """Return the heaviest answer, in the words of the first branch that gave it."""
        pool = ranked(panel.candidates, panel.order)
        counted = count(pool, self._read, self._weigh)
        if not counted.answers:
            return elected(count(pool, weigh=self._weigh), NOTHING_READ)
        confidence = _posterior(counted, self._choices) if self._choices else None
        return elected(counted, confidence=confidence, extract=self._keep == "extract")

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return whether the lead cannot be caught, even if the heaviest models were still to vote."""
        heaviest = max(abs(weight) for weight in (self._otherwise, *self._weights.values()))
        return is_decided(count(candidates, self._read, self._weigh), outstanding, heaviest)

    def _weigh(self, candidate: Candidate) -> Fraction:
        return self._weights.get(candidate.model or candidate.branch, self._otherwise)


def _log_odds(accuracies: Mapping[str, float], choices: int) -> dict[str, Fraction]:
    # Rounded, so that equal odds weigh the same despite rounding errors.
    return {model: exact_fraction(round(log((choices - 1) * p / (1 - p)), 9)) for model, p in accuracies.items()}


def _posterior(counted: Count, choices: int) -> float:
    """Return the probability of the first answer among `choices` that were equally probable before the votes."""
    scores = [float(answer.weight) for answer in counted.answers]
    unseen = max(choices - len(scores), 0)
    top = max(0.0, *scores)
    odds = [exp(score - top) for score in scores]
    return odds[0] / (sum(odds) + unseen * exp(-top))
