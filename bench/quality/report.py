"""Report the trials of one setting as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.quality.fusing import Trial
from bench.quality.intervals import Estimate, estimate, gain
from bench.support.figures import table

_COLUMNS = ("", "right %", "against the best %", "verdict", "cost", "calls", "note")


@dataclass(frozen=True, slots=True)
class Setting:
    """One comparison: `best` is the best model alone, `trials` are compared with it, `notes` are remarks by name."""

    title: str
    best: Trial
    trials: Mapping[str, Trial]
    notes: Mapping[str, str] = field(default_factory=dict)

    def against_best(self, name: str) -> Estimate:
        """Return by how much a trial is more often right than the best model."""
        return gain(self.trials[name].right, self.best.right)

    def cost(self, name: str) -> float:
        """Return what a trial costs for each unit that the best model costs."""
        return float(self.trials[name].cost.mean() / self.best.cost.mean())

    def render(self) -> str:
        """Return a heading and a Markdown table: accuracies with 95 % intervals, costs relative to the best."""
        best = ["the best model alone", str(estimate(self.best.right)), "", "", 1.0, float(self.best.calls.mean()), ""]
        return f"### {self.title}\n\n{table(_COLUMNS, [best, *map(self._row, self.trials)])}"

    def _row(self, name: str) -> list[object]:
        trial, found = self.trials[name], self.against_best(name)
        verdict = "better" if found.low > 0 else "worse" if found.high < 0 else "as good"
        against = f"{100 * found.mean:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
        calls = float(trial.calls.mean())
        return [name, str(estimate(trial.right)), against, verdict, self.cost(name), calls, self.notes.get(name, "")]
