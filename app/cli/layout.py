"""Lay out a table for people: as it is where nobody looks, and for the width of the terminal where somebody does."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

_GAP = "  "
#: A column of prose is wrapped, but no narrower than this many columns of the terminal.
_LEAST_PROSE = 24

#: A line, and whether it is the table's head.
Line = tuple[str, bool]


@dataclass(slots=True)
class Table:
    """Rows of cells, the first of which is the row's name: it and the columns in `keep` are always shown whole.

    If the terminal is too narrow, columns in `prose` are wrapped between words; then whole columns are left out: empty
    ones, those in `expendable`, and the last. No other cell is ever cut or wrapped.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[int] = ()
    prose: Collection[str] = ()
    keep: Collection[str] = ()
    expendable: Sequence[str] = ()
    left_out: list[str] = field(default_factory=list)

    def lines(self, width: int | None) -> Iterator[Line]:
        """Yield the lines for a terminal of `width`, or as they are without one; `left_out` says what has no place."""
        shown = list(range(len(self.columns)))
        widths = [
            max((cell_len(line) for cell in column for line in _split(cell)), default=0) for column in self._cells()
        ]
        while width is not None and (excess := _total(shown, widths) - width) > 0:
            if prose := self._widest_prose(shown, widths):
                widths[prose] = max(_LEAST_PROSE, widths[prose] - excess)
            elif place := self._expendable(shown):
                shown.remove(place)
                self.left_out.append(self.columns[place])
            else:  # a name that is too long has the line to itself, and does not push the others away
                widths[0] = max(0, widths[0] - excess)
                break
        if any(self.columns):
            yield from ((line, True) for line in self._row(self.columns, shown, widths))
        for row in self.rows:
            yield from ((line, False) for line in self._row(row, shown, widths))

    def _cells(self) -> Iterator[list[str]]:
        for number, name in enumerate(self.columns):
            yield [name, *(row[number] for row in self.rows)]

    def _widest_prose(self, shown: Sequence[int], widths: Sequence[int]) -> int:
        """Return the prose column to narrow, or 0, which is never one."""
        found = [place for place in shown[1:] if self.columns[place] in self.prose and widths[place] > _LEAST_PROSE]
        return max(found, key=lambda place: widths[place], default=0)

    def _expendable(self, shown: Sequence[int]) -> int:
        """Return the column to leave out, or 0, which is never one."""
        places = [place for place in shown[1:] if self.columns[place] not in self.keep]
        if empty := [place for place in places if not any(row[place] for row in self.rows)]:
            return empty[-1]
        named = [self.columns.index(name) for name in self.expendable if self.columns.index(name) in places]
        return (named or places[-1:] or [0])[0]

    def _row(self, row: Sequence[str], shown: Sequence[int], widths: Sequence[int]) -> Iterator[str]:
        cells = [
            _wrapped(row[place], widths[place]) if self.columns[place] in self.prose else _split(row[place])
            for place in shown
        ]
        for number in range(max(map(len, cells), default=0)):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            padded = [self._padded(part, place, widths) for part, place in zip(parts, shown, strict=True)]
            yield _GAP.join(padded).rstrip()

    def _padded(self, text: str, place: int, widths: Sequence[int]) -> str:
        space = " " * max(0, widths[place] - cell_len(text))
        return space + text if place in self.right else text + space


def wrap(line: str, width: int) -> list[str]:
    """Return a line as lines with the same indent, none wider than `width` unless a word is; no word is broken."""
    if cell_len(line) <= width:
        return [line]
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    lines: list[str] = []
    taken: list[str] = []
    used = len(indent) - 1
    for word in text.split(" "):
        size = 1 + cell_len(word)
        if taken and used + size > width:
            if word:
                lines.append(indent + " ".join(taken).rstrip())
                taken, used = [word], len(indent) - 1 + size
        else:
            taken.append(word)
            used += size
    return [*lines, indent + " ".join(taken).rstrip()]


def _wrapped(cell: str, width: int) -> list[str]:
    return [line for whole in _split(cell) for line in wrap(whole, width)]


def _split(cell: str) -> list[str]:
    return cell.split("\n")


def _total(shown: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[place] for place in shown) + len(_GAP) * (len(shown) - 1)
