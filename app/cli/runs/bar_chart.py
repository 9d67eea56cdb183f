"""Rows of a waterfall: a name, a bar on a time axis, a status, seconds, and details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from app.runs.views import RunView

_NAME, _BAR, _STATUS, _SECONDS = 26, 34, 12, 9
_GAP = "  "
#: What a row has besides its name and its bar.
_REST = _STATUS + _SECONDS + 2 * len(_GAP)
#: What most details take.
_DETAILS = 26
#: A shorter bar says nothing.
_LEAST_BAR = 10
_INDENT = " " * 6


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide the columns of names and bars are; a width of 0 leaves the bars out, or the names as they are.

    `width` is that of the terminal: details that have no place beside their row are below it.
    """

    name: int = _NAME
    bar: int = _BAR
    width: int | None = None

    @classmethod
    def fitting(cls, names: Iterable[str], width: int | None) -> Columns:
        """Return columns that hold all of these names whole, for a terminal of `width` if there is one."""
        longest = max(map(cell_len, ("step", *names)))
        name = max(_NAME, longest)
        if width is None or name + _BAR + _REST + len(_GAP) + _DETAILS <= width:
            return cls(name, _BAR, width)
        for details in (_DETAILS, 0):
            bar = width - longest - _REST - len(_GAP) - details
            if bar >= _LEAST_BAR:
                return cls(longest, min(bar, _BAR), width)
        return cls(longest if longest + _REST <= width else 0, 0, width)

    def row(self, name: str, bar: str, status: str, seconds: str, rest: str) -> Iterator[str]:
        """Yield the lines of one row."""
        if self.name == 0:
            yield from filter(None, (_GAP.join(filter(None, (name, status, seconds))), rest and _INDENT + rest))
            return
        bars = (set_cell_size(bar, self.bar),) if self.bar else ()
        line = _GAP.join((set_cell_size(name, self.name), *bars, status.ljust(_STATUS), seconds.rjust(_SECONDS)))
        if rest and self.width is not None and cell_len(line) + len(_GAP) + cell_len(rest) > self.width:
            yield line.rstrip()
            yield _INDENT + rest
        else:
            yield f"{line}{_GAP}{rest}".rstrip()


class TimeAxis:
    """Maps times to a bar of `width`, from the acceptance of the task to its end, or to now."""

    def __init__(self, view: RunView, width: int = _BAR) -> None:
        began = [step.started_at for step in view.steps if step.started_at]
        self.start = view.accepted_at or min(began, default=view.at)
        self.end = view.until
        self.seconds = max((self.end - self.start).total_seconds(), 1e-6)
        self.width = width

    def scale(self) -> str:
        """Return what stands above the bars."""
        return "0" + f"{self.seconds:.3f} s".rjust(self.width - 1)

    def bar(self, start: datetime | None, end: datetime | None, mark: str) -> str:
        """Return a bar from `start` to `end`, at least one mark long; times outside the axis are drawn at its edge."""
        if start is None or not self.width:
            return ""
        first = min(self._place(start), self.width - 1)
        last = max(self._place(end or self.end), first + 1)
        return " " * first + mark * (last - first)

    def _place(self, at: datetime) -> int:
        share = (at - self.start).total_seconds() / self.seconds
        return round(min(max(share, 0.0), 1.0) * self.width)
