"""Simulated models that fusion strategies call: judges and fusers, which read their prompts and answer in words.

What they do is a model, and its limits are these. A *judge* does not reason: it sees how good a claim is
through noise (L. L. Thurstone, "A Law of Comparative Judgment", 1927), one part of which belongs to each claim,
and one to each pair of claims; asked again, it sees the same. A *fuser* does not reason either: the more
often it is shown a claim, the likelier it follows it, and it never finds what nobody said.
So these show that the strategies do what they are meant to with such models, not what a real model gains.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from app.fusion.base import Call
from bench.quality.simulation.exam import Exam
from bench.quality.simulation.panel import DECOY, RIGHT
from bench.quality.simulation.seeded_random import seeded_choice, seeded_uniform

_NORMAL = NormalDist()
_HALF = 0.5**0.5  # of a variance
_EVEN = 0.5
_VERDICTS = ('{{"winner": "{0}"}}', 'Both have a point. {{"winner": "{0}"}}', "Winner: {0}", "[[{0}]]")
_SCORES = ('{{"score": {0}}}', "Score: {0}", "{0}/10")
_TOP, _MIDDLE, _SPREAD = 10, 5.0, 2.0


@dataclass(frozen=True, slots=True)
class SimulatedJudge:
    """Prefers a right claim to a wrong one with probability `accuracy`, were it not for the order.

    `bias` is what being shown first adds to a claim, in standard deviations of the comparison's noise; below
    0, being shown last is better. With `stubborn`, it is not asked again when it is shown a pair in the other
    order: it keeps to its first verdict, as a judge does that is asked only once. The share `unclear` of its
    replies contains no verdict.
    """

    exam: Exam
    accuracy: float
    bias: float = 0.0
    unclear: float = 0.0
    stubborn: bool = False

    def __call__(self, question: int, call: Call) -> str:
        """Compare the two answers in the prompt, in the words of one judge or another."""
        if seeded_uniform(self.exam.seed, "unclear", question, call.label) < self.unclear:
            return "I cannot compare these."
        verdict = self.verdict(question, *self.exam.read(question, call.prompt))
        return _VERDICTS[seeded_choice(len(_VERDICTS), self.exam.seed, "words", question, call.label)].format(verdict)

    def verdict(self, question: int, first: int, second: int) -> str:
        """Return `A`, `B` or `tie`."""
        lead = self.lead(question, first, second) + self._favour(question, first, second)
        return "A" if lead > 0 else "B" if lead < 0 else "tie"

    def lead(self, question: int, one: int, other: int) -> float:
        """Return by how much `one` seems better than `other`: minus what `lead` returns the other way round."""
        if one == other:
            return 0.0
        pair = _normal(self.exam.seed, "pair", question, min(one, other), max(one, other))
        return self._merit(question, one) - self._merit(question, other) + pair * (_HALF if one < other else -_HALF)

    def _favour(self, question: int, first: int, second: int) -> float:
        """Return what the order adds to the first claim; which order a stubborn judge saw is drawn by lot."""
        if not self.stubborn:
            return self.bias
        seen = seeded_uniform(self.exam.seed, "seen", question, min(first, second), max(first, second))
        return self.bias if (seen < _EVEN) == (first < second) else -self.bias

    def _merit(self, question: int, claim: int) -> float:
        """Half of the noise of a comparison is in the two claims, half in the pair: the whole has variance 1."""
        noise = _normal(self.exam.seed, "merit", question, claim) / 2
        return noise + (_NORMAL.inv_cdf(self.accuracy) if claim == RIGHT else 0.0)


@dataclass(frozen=True, slots=True)
class SimulatedScorer:
    """Gives a right claim a higher score than a wrong one with probability `accuracy`, scores being rounded."""

    exam: Exam
    accuracy: float

    def __call__(self, question: int, call: Call) -> str:
        """Score the one answer in the prompt, from 1 to 10."""
        (claim,) = self.exam.read(question, call.prompt)
        merit = _NORMAL.inv_cdf(self.accuracy) if claim == RIGHT else 0.0
        merit += _normal(self.exam.seed, "score", question, claim) * _HALF
        score = min(max(round(_MIDDLE + _SPREAD * merit), 1), _TOP)
        return _SCORES[seeded_choice(len(_SCORES), self.exam.seed, "words", question, call.label)].format(score)


@dataclass(frozen=True, slots=True)
class SimulatedFuser:
    """Writes one answer out of those in its prompt.

    It follows each claim with a probability in proportion to n^a, n being how many make the claim and a its
    `sharpness`: 1 is to pick an answer by lot, and the larger, the nearer to a plurality. `slip` is how often
    it spoils what it found. `own` are claims that it makes itself, as a proposer of a further layer does.
    """

    exam: Exam
    sharpness: float = 2.0
    slip: float = 0.02
    own: Callable[[int], Sequence[int]] = lambda _question: ()

    def __call__(self, question: int, call: Call) -> str:
        """Return a sentence that names one city."""
        claims = [*self.exam.read(question, call.prompt), *self.own(question)]
        city = self.exam.city(question, self._choose(question, call.label, Counter(claims)))
        return f"Taken together, the answers point to {city}."

    def chance(self, claims: Mapping[int, int]) -> float:
        """Return the probability of a right answer, of claims that are made so often."""
        weights = {claim: math.pow(times, self.sharpness) for claim, times in claims.items()}
        return weights.get(RIGHT, 0.0) / sum(weights.values()) * (1 - self.slip)

    def _choose(self, question: int, label: str, claims: Mapping[int, int]) -> int:
        if seeded_uniform(self.exam.seed, "fuser", question, label) < self.chance(claims):
            return RIGHT
        wrong = sorted(Counter({claim: times for claim, times in claims.items() if claim != RIGHT}).elements())
        return (wrong or [DECOY])[seeded_choice(len(wrong) or 1, self.exam.seed, "pick", question, label)]


def _normal(*names: object) -> float:
    return _NORMAL.inv_cdf(max(seeded_uniform(*names), 1e-12))
