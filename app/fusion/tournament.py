"""Each answer compared with every other, in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations

from app.fusion.base import Call, Candidate, Panel
from app.fusion.judge_parsing import winner
from app.fusion.judging import Judge, pair_label


@dataclass(frozen=True, slots=True)
class Standings:
    """The contestants, best first (equals as they were given), and the share of its comparisons that each won.

    `flipped` pairs got another verdict in the other order; of `asked` comparisons, `read` gave a verdict.
    """

    order: tuple[Candidate, ...]
    shares: tuple[Fraction, ...]
    flipped: int
    read: int
    asked: int

    @property
    def note(self) -> str:
        """What was unclear, as the end of a reason; empty when nothing was."""
        unread = self.asked - self.read
        flipped = f"; {self.flipped} changed with the order and count as ties" if self.flipped else ""
        lost = f"; {unread} of {self.asked} verdicts failed or could not be read, and count as ties" if unread else ""
        tied = "; tied and first in order" if self.shares[0] == self.shares[1] else ""
        return flipped + lost + tied


def pair_calls(panel: Panel, contestants: Sequence[Candidate], judge: Judge) -> list[Call]:
    """Return the comparisons: n (n - 1) for n contestants, as each pair is asked in both orders."""
    return [judge.pair(panel, one, other) for one, other in permutations(contestants, 2)]


def standings(panel: Panel, contestants: Sequence[Candidate]) -> Standings:
    """Count the verdicts: two that name the same answer are a win, anything else is a tie of half a win each.

    A judge that goes by position alone thereby calls every pair a tie.
    """
    points = dict.fromkeys((one.branch for one in contestants), Fraction(0))
    flipped = read = 0
    for one, other in combinations(contestants, 2):
        share, verdicts = _share(panel, one, other)
        points[one.branch] += share
        points[other.branch] += 1 - share
        read += len(verdicts)
        flipped += len(set(verdicts)) > 1
    rounds = len(contestants) - 1
    order = sorted(contestants, key=lambda one: -points[one.branch])
    shares = tuple(points[one.branch] / rounds for one in order)
    return Standings(tuple(order), shares, flipped, read, rounds * len(contestants))


def _share(panel: Panel, one: Candidate, other: Candidate) -> tuple[Fraction, list[str]]:
    """Return what `one` gets of its pair, and the verdicts read, as they would be with `one` shown as A."""
    there = winner(panel.replies.get(pair_label(one, other)))
    back = winner(panel.replies.get(pair_label(other, one)))
    turned = {"A": "B", "B": "A", "tie": "tie", None: None}[back]
    verdicts = [verdict for verdict in (there, turned) if verdict is not None]
    agreed = there if there == turned else None
    return {"A": Fraction(1), "B": Fraction(0)}.get(agreed or "tie", Fraction(1, 2)), verdicts
