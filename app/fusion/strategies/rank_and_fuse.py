"""Rank the answers, and have one written from the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from app.fusion.base import Calls, Candidate, Fused, Panel, ranked
from app.fusion.calls import missing
from app.fusion.counting import Count, count
from app.fusion.election import agreement, among, chosen
from app.fusion.judging import Judge, JudgeOptions
from app.fusion.tournament import Standings, pair_calls, standings
from app.fusion.writing import Writer, written

_LABEL = "fuse"


class RankAndFuseOptions(JudgeOptions):
    """Who judges, who writes, and from how many answers."""

    fuser: str | None = Field(default=None, min_length=1, description="the model that writes; the judge if absent")
    top_k: int = Field(default=3, ge=1, le=50, description="how many of the best answers it is given")
    answer_temperature: float | None = Field(default=None, ge=0, le=2, description="of the fuser")
    answer_tokens: int | None = Field(default=None, ge=1, description="that the fused answer may take")


class RankAndFuse:
    """One answer written from those that a judge ranks highest: for open questions that many models answer.

    LLM-Blender (Jiang et al., 2023) with prompts in the place of trained models: every pair is compared in both orders,
    n (n - 1) calls, then the `fuser` writes from the best `top_k`, one call. If it fails, the best answer is taken
    as it is. Agreement is the share of the most frequent answer; confidence is the share of its comparisons that
    the best won.
    """

    name: ClassVar[str] = "rank-and-fuse"
    Options: ClassVar[type[BaseModel]] = RankAndFuseOptions
    needs_embeddings = False

    def __init__(self, options: RankAndFuseOptions) -> None:
        self._options = options
        self._judge = Judge(options)
        self._writer = Writer(options.fuser or options.judge, options.answer_temperature, options.answer_tokens)
        self.models: tuple[str, ...] = tuple(dict.fromkeys((options.judge, self._writer.model)))

    def fuse(self, panel: Panel) -> Fused | Calls:
        """Return the calls that rank, then the one that fuses, then the answer."""
        pool = ranked(panel.candidates, panel.order)
        counted, contestants = count(pool), self._judge.contestants(pool)
        if len(contestants) == 1:
            return chosen(counted, contestants[0], "the only answer")
        if calls := missing(panel, pair_calls(panel, contestants, self._judge)):
            return Calls(calls)
        found = standings(panel, contestants)
        best = [candidate.text for candidate in found.order[: self._options.top_k]]
        if calls := missing(panel, [self._writer.call(panel, _LABEL, best)]):
            return Calls(calls)
        return self._outcome(panel, counted, contestants, found)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: the next answer may be the best."""
        return outstanding == 0

    def _outcome(self, panel: Panel, counted: Count, contestants: Sequence[Candidate], found: Standings) -> Fused:
        # Without any verdict the order is that of the candidates, and is no measure of confidence.
        confidence = float(found.shares[0]) if found.read else None
        ranking = f"{self._options.judge} found best of {among(counted, contestants)}{found.note}"
        if (new := written(panel, _LABEL)) is None:
            reason = f"{self._writer.model} could not fuse, so this is the one that {ranking}"
            return chosen(counted, found.order[0], reason, confidence)
        used = min(self._options.top_k, len(contestants))
        reason = f"{self._writer.model} wrote it from the {used} that {ranking}"
        return Fused(new.text, "", agreement(counted), reason, confidence, counted.groups, new.data)
