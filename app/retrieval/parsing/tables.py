"""Tables, from sheets and from values that are separated by commas, as Markdown that knows its rows and columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import UnreadableDocument
from app.retrieval.parsing.parsed import ParsedDocument, SheetLines

#: Characters of the first line in which a delimiter is looked for.
_SAMPLE = 64 * 1024
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet by its name, and its rows from the first of the sheet on."""

    name: str
    rows: Iterable[Sequence[object]]


def read_csv(text: str, *, max_cells: int) -> ParsedDocument:
    """Return separated values as one table; a row is counted as a spreadsheet counts it.

    Raises:
        UnreadableDocument: there are more cells than allowed, or the text is no such table.
    """
    first = text.lstrip()[:_SAMPLE].partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)  # the names of columns seldom have one in them
    try:
        return render([Sheet("", csv.reader(io.StringIO(text), delimiter=delimiter))], max_cells=max_cells)
    except csv.Error as error:
        raise UnreadableDocument(f"it is no table of separated values: {error}") from None


def read_sheets(data: bytes, *, max_cells: int) -> ParsedDocument:
    """Return the sheets of a workbook, each as a section with one table.

    Raises:
        UnreadableDocument: it is no workbook, or has more cells than allowed.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415  # of an extra

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [Sheet(name, _rows(workbook, name)) for name in workbook.sheet_names]
        return render(sheets, max_cells=max_cells)
    except CalamineError as error:
        raise UnreadableDocument(f"the workbook cannot be read: {error}") from None


def _rows(workbook: Any, name: str) -> Iterator[Sequence[object]]:
    sheet = workbook.get_sheet_by_name(name)
    # The rows and columns above and before the first value count, so that numbers are those of the sheet.
    yield from sheet.to_python(skip_empty_area=False)


def render(sheets: Iterable[Sheet], *, max_cells: int) -> ParsedDocument:
    """Return sheets as Markdown: the first row that has values heads each table.

    Raises:
        UnreadableDocument: there are more cells than allowed.
    """
    lines: list[str] = []
    places: list[SheetLines] = []
    cells = 0
    for sheet in sheets:
        filled: list[tuple[int, list[str]]] = []
        for number, row in enumerate(sheet.rows, 1):
            cells += len(row)
            if cells > max_cells:
                raise UnreadableDocument(f"it has more than {max_cells} cells: split it")
            texts = [_cell(value) for value in row]
            if any(texts):
                filled.append((number, texts))
        if filled:
            lines += ["", f"## {sheet.name}", ""] if sheet.name else []
            places.append(_add_table(lines, sheet.name, filled))
    return ParsedDocument(text="\n".join(lines), sheets=tuple(places))


def _add_table(lines: list[str], name: str, filled: Sequence[tuple[int, Sequence[str]]]) -> SheetLines:
    """Add a table to the lines, without the empty columns before its first value and after its last."""
    begin = min(next(at for at, text in enumerate(row) if text) for _, row in filled)
    end = max(max(at for at, text in enumerate(row) if text) for _, row in filled) + 1
    first, rows = len(lines), [number for number, _ in filled]
    table = [_line([*row[begin:end], *[""] * (end - max(begin, len(row)))]) for _, row in filled]
    lines += [table[0], _line(["---"] * (end - begin)), *table[1:]]
    return SheetLines(name=name, first=first, rows=(rows[0], *rows), columns=(_column(begin), _column(end - 1)))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as the sheet shows it
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|")


def _column(number: int) -> str:
    """Return a column's name, as in A, Z and AA."""
    name = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        name, number = chr(ord("A") + letter) + name, number - 1
    return name
