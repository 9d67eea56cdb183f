"""Return all answers, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from app.fusion.base import Candidate, Fused, Panel, StrategyOptions, ranked
from app.fusion.counting import AnswerGroup, count
from app.fusion.extraction import exactly


class ConcatOptions(StrategyOptions):
    """The text around the answers."""

    heading: str = Field(
        default="## {branch}",
        description="above each answer; {branch}, {model} and {number} are filled in; may be empty",
    )
    separator: str = Field(default="\n\n", description="between answers")
    distinct: bool = Field(
        default=False, description="return equal answers once, under the names of all that gave them"
    )


class Concat:
    """All answers in the order of preference, under headings or with a separator: for people who compare.

    Agreement is the share of the most frequent answer. Where answers are JSON, the data is the list of them.
    """

    name: ClassVar[str] = "concat"
    Options: ClassVar[type[BaseModel]] = ConcatOptions
    needs_embeddings = False
    models: tuple[str, ...] = ()

    def __init__(self, options: ConcatOptions) -> None:
        self._options = options

    def fuse(self, panel: Panel) -> Fused:
        """Return one text of all answers."""
        pool = ranked(panel.candidates, panel.order)
        counted = count(pool)
        parts = self._parts(pool)
        text = self._options.separator.join(self._part(number, part) for number, part in enumerate(parts, start=1))
        found = [part.givers[0].data for part in parts]
        data = None if None in found else found
        branch = pool[0].branch if len(parts) == 1 and text == pool[0].text else ""
        reason = f"all {len(pool)} answers" + (f", {len(parts)} of them distinct" if self._options.distinct else "")
        agreement = len(counted.answers[0].givers) / len(pool)
        return Fused(text, branch, agreement, reason, groups=counted.groups, data=data)

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:  # noqa: ARG002  # the port's
        """Return True when none is outstanding: every answer has its place."""
        return outstanding == 0

    def _parts(self, pool: Sequence[Candidate]) -> list[AnswerGroup]:
        if not self._options.distinct:
            return [count([candidate]).answers[0] for candidate in pool]
        parts = count(pool, exactly).answers
        return sorted(parts, key=lambda part: pool.index(part.givers[0]))

    def _part(self, number: int, part: AnswerGroup) -> str:
        heading = self._options.heading
        # Not str.format: a heading may hold braces of its own.
        for name, value in (
            ("number", str(number)),
            ("model", _names(part, "model")),
            ("branch", _names(part, "branch")),
        ):
            heading = heading.replace(f"{{{name}}}", value)
        return f"{heading}\n\n{part.answer.text}" if heading else part.answer.text


def _names(part: AnswerGroup, kind: str) -> str:
    return ", ".join(dict.fromkeys(getattr(giver, kind) or giver.branch for giver in part.givers))
