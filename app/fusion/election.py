"""Outcomes that are one of the candidates, and the agreement of all."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from app.fusion.base import Candidate, Fused
from app.fusion.counting import Count

#: The note where answers have no conclusion to compare.
NOTHING_READ = "nothing could be extracted, so whole answers were counted; "


def elected(counted: Count, note: str = "", *, confidence: float | None = None, extract: bool = False) -> Fused:
    """Return the first answer of a count, in the words of the first who gave it, and the count as the reason."""
    winner, *others = counted.answers
    voters = sum(len(answer.givers) for answer in counted.answers)
    total = sum((abs(answer.weight) for answer in counted.answers), Fraction(0))
    share = winner.weight / total if total else Fraction(len(winner.givers), voters)
    plain = winner.weight == len(winner.givers) and total == voters
    reason = f"{note}{len(winner.givers)} of {voters} gave this answer"
    reason += "" if plain else f", with {float(winner.weight):.4g} of {float(total):.4g} of the weight"
    reason += ", tied and first in order" if others and counted.tied else ""
    reason += f"; {len(counted.abstained)} abstained" if counted.abstained else ""
    chosen = winner.givers[0]
    text, data = (winner.answer.text, None) if extract else (chosen.text, chosen.data)
    agreement = float(max(share, Fraction(0)))
    return Fused(text, chosen.branch, agreement, reason, confidence, counted.groups, data)


def chosen(counted: Count, candidate: Candidate, reason: str, confidence: float | None = None) -> Fused:
    """Return one candidate's answer as the outcome."""
    text, branch, data = candidate.text, candidate.branch, candidate.data
    return Fused(text, branch, agreement(counted), reason, confidence, counted.groups, data)


def agreement(counted: Count) -> float:
    """Return the share of the most frequent answer."""
    return len(counted.answers[0].givers) / sum(len(answer.givers) for answer in counted.answers)


def among(counted: Count, contestants: Sequence[Candidate]) -> str:
    """Return among how many answers one is the best, for a reason."""
    distinct = len(counted.answers)
    left_out = distinct - len(contestants)
    return f"{len(contestants)} distinct answers" + (f" ({left_out} more were not judged)" if left_out else "")
