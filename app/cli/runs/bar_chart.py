"""Rows of a waterfall: a name, a bar on a time axis, a status, seconds, and details."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len, set_cell_size

from app.cli.runs.views import RunView

_NAME, _BAR, _STATUS, _SECONDS = 26, 34, 12, 9


class TimeAxis:
    """Maps times to a bar of fixed width, from the acceptance of the task to its end, or to now."""

    def __init__(self, view: RunView) -> None:
        began = [step.started_at for step in view.steps if step.started_at]
        self.start = view.accepted_at or min(began, default=view.at)
        self.end = view.until
        self.seconds = max((self.end - self.start).total_seconds(), 1e-6)

    def header(self) -> str:
        """Return the line above the bars."""
        most = f"{self.seconds:.3f} s"
        return row("step", "0" + most.rjust(_BAR - 1), "status", "seconds", "")

    def bar(self, start: datetime | None, end: datetime | None, mark: str) -> str:
        """Return a bar from `start` to `end`, at least one mark long; times outside the axis are drawn at its edge."""
        if start is None:
            return ""
        first = min(self._place(start), _BAR - 1)
        last = max(self._place(end or self.end), first + 1)
        return " " * first + mark * (last - first)

    def _place(self, at: datetime) -> int:
        share = (at - self.start).total_seconds() / self.seconds
        return round(min(max(share, 0.0), 1.0) * _BAR)


def row(name: str, bar: str, status: str, seconds: str, rest: str) -> str:
    """Return one line; a name that is too long is truncated."""
    cut = name if cell_len(name) <= _NAME else set_cell_size(name, _NAME - 1) + "…"
    columns = (set_cell_size(cut, _NAME), set_cell_size(bar, _BAR), status.ljust(_STATUS), seconds.rjust(_SECONDS))
    return "  ".join((*columns, rest)).rstrip()
