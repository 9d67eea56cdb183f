"""Votes: equal answers counted, each with its weight."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from app.fusion.base import Candidate
from app.fusion.extraction import Extract, ExtractedAnswer, whole

#: How many votes a model has, in options.
Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Weigh = Callable[[Candidate], Fraction]
Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class AnswerGroup:
    """One answer, the candidates that gave it, and their total weight."""

    answer: ExtractedAnswer
    givers: tuple[Candidate, ...]
    weight: Fraction


@dataclass(frozen=True, slots=True)
class Count:
    """The answers, heaviest first (equals as in the pool), and the branches in which none could be read."""

    answers: tuple[AnswerGroup, ...]
    abstained: tuple[Candidate, ...] = ()

    @property
    def tied(self) -> bool:
        """Whether another answer weighs as much as the first."""
        return len(self.answers) > 1 and self.answers[0].weight == self.answers[1].weight

    @property
    def groups(self) -> Groups:
        """The branches by their answers, in the order of the answers; those that abstained come last, by text."""
        rest = count(self.abstained).answers if self.abstained else ()
        return tuple(tuple(giver.branch for giver in answer.givers) for answer in (*self.answers, *rest))


def exact_fraction(weight: float) -> Fraction:
    """Return `weight` as the decimal that was written, so that 0.1 + 0.2 is 0.3, in any order."""
    return Fraction(str(weight))


def one(candidate: Candidate) -> Fraction:  # noqa: ARG001  # the same for all
    """Return the weight of a plain vote."""
    return Fraction(1)


def count(pool: Sequence[Candidate], read: Extract = whole, weigh: Weigh = one) -> Count:
    """Count a pool that is in order of preference; with whole answers, none abstains."""
    ballots: dict[Hashable, list[tuple[ExtractedAnswer, Candidate]]] = {}
    abstained = []
    for candidate in pool:
        if answer := read(candidate):
            ballots.setdefault(answer.key, []).append((answer, candidate))
        else:
            abstained.append(candidate)
    answers = [_answer(ballot, weigh) for ballot in ballots.values()]
    answers.sort(key=lambda answer: -answer.weight)
    return Count(tuple(answers), tuple(abstained))


def is_decided(counted: Count, outstanding: int, heaviest: Fraction = Fraction(1)) -> bool:
    """Return whether the first answer stays first, whatever `outstanding` votes of up to `heaviest` are cast.

    One vote changes the distance of two answers by its weight at most; an answer that nobody gave yet has 0.
    """
    if outstanding == 0:
        return True
    lead, rival = [*(answer.weight for answer in counted.answers[:2]), Fraction(0), Fraction(0)][:2]
    return lead - max(rival, Fraction(0)) > outstanding * heaviest


def _answer(ballot: Sequence[tuple[ExtractedAnswer, Candidate]], weigh: Weigh) -> AnswerGroup:
    givers = tuple(candidate for _, candidate in ballot)
    return AnswerGroup(ballot[0][0], givers, sum((weigh(giver) for giver in givers), Fraction(0)))
