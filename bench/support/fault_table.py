"""Outcomes of faults, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.support.figures import table

#: Outcomes that must not happen, each with its meaning.
BAD = {
    "LATE": "it did not end in time",
    "WRONG": "it counted as a success, but the answer was wrong",
    "INTERNAL": "the error was a bug in the component, not one of the named errors",
}

_INTERNAL = frozenset({"internal", "model"})


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """How one call ended: with the answer `text`, or with the error whose code is `error`; times in seconds.

    `tries` are its attempts, where they were counted; `message` is what the error says.
    """

    fault: str
    column: str
    text: str | None
    error: str
    seconds: float
    allowed: float
    tries: int = 0
    message: str = ""

    def verdict(self, right: str) -> str:
        """Return `right`, the error's code, or one of `BAD`."""
        if self.seconds > self.allowed:
            return "LATE"
        if self.text is not None:
            return "right" if self.text == right else "WRONG"
        return "INTERNAL" if self.error in _INTERNAL else self.error


def grid(cells: Iterable[FaultOutcome], faults: Sequence[str], columns: Sequence[str], right: str) -> str:
    """Return a Markdown table: a row for each fault, with the outcome and the seconds in each column."""
    said = {(cell.fault, cell.column): f"{cell.verdict(right)} {cell.seconds:.1f}" for cell in cells}
    return table(("fault", *columns), [[fault, *(said.get((fault, one), "") for one in columns)] for fault in faults])


def bad(cells: Iterable[FaultOutcome], right: str) -> list[str]:
    """Return a line for each bad cell."""
    verdicts = [(cell, cell.verdict(right)) for cell in cells]
    return [
        f"{cell.fault}, {cell.column}: {verdict} after {cell.seconds:.2f} s: {cell.text!r} {cell.error} {cell.message}"
        for cell, verdict in verdicts
        if verdict in BAD
    ]


def unrecovered(cells: Iterable[FaultOutcome], right: str) -> list[str]:
    """Return a line for each cell that should be right but is not."""
    return [
        f"{cell.fault}, {cell.column}: {cell.error or 'wrong'} {cell.message}"
        for cell in cells
        if cell.verdict(right) != "right"
    ]
