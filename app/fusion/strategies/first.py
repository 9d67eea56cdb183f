"""Take the first answer that arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from app.fusion import base
from app.fusion.base import Candidate, Fused, Panel, ranked
from app.fusion.counting import count


class First:
    """The fastest model's answer; the others are not waited for.

    Agreement is the share of the answers so far that are equal to it.
    """

    name: ClassVar[str] = "first"
    Options: ClassVar[type[BaseModel]] = base.StrategyOptions
    needs_embeddings = False
    models: tuple[str, ...] = ()

    def __init__(self, options: base.StrategyOptions) -> None:
        self._options = options

    def fuse(self, panel: Panel) -> Fused:
        """Return the candidate that arrived first."""
        first, everyone = panel.candidates[0], len(panel.candidates)
        groups = count(ranked(panel.candidates, panel.order)).groups
        same = next(len(group) for group in groups if first.branch in group)
        reason = f"{first.branch} answered first"
        return Fused(first.text, first.branch, same / everyone, reason, groups=groups, data=first.data)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        """Return True as soon as there is an answer."""
        return bool(candidates) or outstanding == 0
