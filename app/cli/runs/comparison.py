"""Compare two fusions of the same candidates."""

from __future__ import annotations

from pydantic import JsonValue

from app.cli.output import Output, readable_json
from app.runs.views import View


class FusionSummary(View):
    """The outcome of one fusion; `chosen` is the branch of the answer, empty if the text is new."""

    strategy: str
    chosen: str = ""
    agreement: float | None = None
    confidence: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    reason: str = ""
    answer: JsonValue = None


class Comparison(View):
    """The recorded fusion of a step, if the result has it, and the new one."""

    task_id: str
    step: str
    candidates: tuple[str, ...]
    recorded: FusionSummary | None
    again: FusionSummary

    @property
    def same(self) -> bool:
        """Whether both gave the same answer."""
        return self.recorded is not None and self.recorded.answer == self.again.answer


def show(output: Output, comparison: Comparison) -> None:
    """Print both side by side."""
    output.say(f"{comparison.task_id}, step {comparison.step}: {', '.join(comparison.candidates)}", style="bold")
    sides = [_column(side) for side in (comparison.recorded, comparison.again)]
    names = tuple(name for name in FusionSummary.model_fields)
    rows = [(name, *(side[name] for side in sides)) for name in names]
    output.table(("", "recorded", "again"), rows, prose=("recorded", "again"), keep=("recorded", "again"))
    if comparison.recorded:
        output.say("the same answer" if comparison.same else "a different answer", style="dim")


def _column(side: FusionSummary | None) -> dict[str, str]:
    if side is None:
        return dict.fromkeys(FusionSummary.model_fields, "")
    answer = side.answer if isinstance(side.answer, str) else readable_json(side.answer, indent=1)
    groups = " | ".join(", ".join(group) for group in side.groups)
    measures = {
        name: "" if value is None else f"{value:.2f}"
        for name, value in (("agreement", side.agreement), ("confidence", side.confidence))
    }
    return {**side.model_dump(include={"strategy", "chosen", "reason"}), **measures, "groups": groups, "answer": answer}
