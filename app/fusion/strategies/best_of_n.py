"""Take the answer that a judge finds best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from app.fusion.base import Calls, Candidate, Fused, Panel, ranked
from app.fusion.calls import missing
from app.fusion.counting import Count, count
from app.fusion.election import among, chosen, elected
from app.fusion.judge_parsing import score
from app.fusion.judging import Judge, JudgeOptions, point_label
from app.fusion.tournament import pair_calls, standings


class BestOfNOptions(JudgeOptions):
    """Who judges, and how."""

    mode: Literal["pairwise", "pointwise"] = Field(
        default="pairwise", description="compare every two answers, or score each by itself"
    )
    top: int = Field(default=10, ge=2, le=100, description="pointwise: the best score; the worst is 1")


class BestOfN:
    """The answer that a judge model finds best by a rubric: for open questions with better and worse answers.

    Pairwise, every pair is judged in both orders, and a verdict that changes with the order is a tie (Zheng et al.,
    2023, Judging LLM-as-a-Judge): n (n - 1) calls. Pointwise, every answer gets a score: n calls. Equal answers are
    judged once. Agreement is the share of the most frequent answer. Confidence is the share of its comparisons that
    the winner won, or its score from 0 to 1.
    """

    name: ClassVar[str] = "best-of-n"
    Options: ClassVar[type[BaseModel]] = BestOfNOptions
    needs_embeddings = False

    def __init__(self, options: BestOfNOptions) -> None:
        self._options = options
        self._judge = Judge(options)
        self.models: tuple[str, ...] = (options.judge,)

    def fuse(self, panel: Panel) -> Fused | Calls:
        """Return the calls to the judge, then the best answer; without a verdict, the most frequent one."""
        pool = ranked(panel.candidates, panel.order)
        counted, contestants = count(pool), self._judge.contestants(pool)
        if len(contestants) == 1:
            return chosen(counted, contestants[0], "the only answer")
        if self._options.mode == "pointwise":
            return self._by_points(panel, counted, contestants)
        if calls := missing(panel, pair_calls(panel, contestants, self._judge)):
            return Calls(calls)
        found = standings(panel, contestants)
        if not found.read:
            return elected(counted, "the judge gave no verdict, so answers were counted; ")
        reason = f"{self._options.judge} found it best of {among(counted, contestants)}{found.note}"
        return chosen(counted, found.order[0], reason, float(found.shares[0]))

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: the next answer may be the best."""
        return outstanding == 0

    def _by_points(self, panel: Panel, counted: Count, contestants: Sequence[Candidate]) -> Fused | Calls:
        top = self._options.top
        if calls := missing(panel, [self._judge.point(panel, one, top) for one in contestants]):
            return Calls(calls)
        scores = [score(panel.replies.get(point_label(one)), top=top) for one in contestants]
        read = [points for points in scores if points is not None]
        if not read:
            return elected(counted, "the judge gave no score, so answers were counted; ")
        best = max(read)
        reason = f"{self._options.judge} scored it {best:g} of {top}, the best of {among(counted, contestants)}"
        reason += f"; {len(scores) - len(read)} scores failed or could not be read" if len(read) < len(scores) else ""
        reason += "; tied and first in order" if read.count(best) > 1 else ""
        return chosen(counted, contestants[scores.index(best)], reason, (best - 1) / (top - 1))
