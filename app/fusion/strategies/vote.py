"""Take the answer that most models gave."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb
from typing import ClassVar

from pydantic import BaseModel, Field

from app.fusion.base import Candidate, Fused, Panel, ranked
from app.fusion.counting import Weight, count, exact_fraction, is_decided
from app.fusion.election import NOTHING_READ, elected
from app.fusion.extraction import ExtractionOptions, extractor


class VoteOptions(ExtractionOptions):
    """What is compared, and whose vote counts how much."""

    weights: dict[str, Weight] = Field(
        default_factory=dict, description="votes by model; a model that is not named has one", examples=[{"big": 2}]
    )


class Vote:
    """The most frequent answer: for answers that are short and can be equal, as labels, numbers and JSON are.

    With `extract` or `pattern` only the conclusion of each answer is compared: self-consistency (Wang et al., 2022).
    An answer without one abstains. Agreement is the winner's share of the votes. Confidence is how probable it is
    that the winner would stay ahead of the second if models were asked endlessly (Aggarwal et al., 2023, Adaptive-
    Consistency: a Beta posterior); weighted votes have none.
    """

    name: ClassVar[str] = "vote"
    Options: ClassVar[type[BaseModel]] = VoteOptions
    needs_embeddings = False
    models: tuple[str, ...] = ()

    def __init__(self, options: VoteOptions) -> None:
        self._read = extractor(options)
        self._keep = options.keep
        self._weights = {model: exact_fraction(weight) for model, weight in options.weights.items()}

    def fuse(self, panel: Panel) -> Fused:
        """Return the answer with the most votes, in the words of the first branch that gave it."""
        pool = ranked(panel.candidates, panel.order)
        counted = count(pool, self._read, self._weigh)
        if not counted.answers:
            return elected(count(pool, weigh=self._weigh), NOTHING_READ)
        confidence = None if self._weights else _leads(*(len(answer.givers) for answer in counted.answers[:2]))
        return elected(counted, confidence=confidence, extract=self._keep == "extract")

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return whether the lead cannot be caught, even if all outstanding votes went to one rival."""
        heaviest = max((Fraction(1), *self._weights.values()))
        return is_decided(count(candidates, self._read, self._weigh), outstanding, heaviest)

    def _weigh(self, candidate: Candidate) -> Fraction:
        return self._weights.get(candidate.model or candidate.branch, Fraction(1))


def _leads(first: int, second: int = 0) -> float:
    """Return P(p > 1/2) for p ~ Beta(first + 1, second + 1), by the binomial sum that it equals."""
    tries = first + second + 1
    return sum(comb(tries, hits) for hits in range(first + 1)) / (1 << tries)
