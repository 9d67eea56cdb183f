"""What a parser has read of a document: its text, and where in the source the lines of it are."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

from pydantic import BaseModel, ConfigDict


class PageStart(BaseModel):
    """A page, or a slide, from 1, and the first line of its text, from 0."""

    model_config = ConfigDict(frozen=True)

    line: int
    page: int


class SheetLines(BaseModel):
    """The lines of a table, from the line `first` on, with the `rows` of a sheet that they show, from 1.

    `columns` are its first and last column, as in A and F; `name` is empty in a file that has no sheets.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    first: int
    rows: tuple[int, ...]
    columns: tuple[str, str]


class ParsedDocument(BaseModel):
    """The text of a document, how it is to be cut, and where its lines come from.

    `lost` is how many characters could not be read, and stand as U+FFFD in the text; `notes` are for whoever sent it.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    format: Literal["markdown", "text", "code"] = "markdown"
    pages: tuple[PageStart, ...] = ()
    sheets: tuple[SheetLines, ...] = ()
    lost: int = 0
    notes: tuple[str, ...] = ()

    def pages_of(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the first and last page of the lines `first` to `last`, from 0; None without pages."""
        if not self.pages:
            return None
        begin, end = (max(0, bisect_right(self.pages, line, key=lambda one: one.line) - 1) for line in (first, last))
        return self.pages[begin].page, self.pages[end].page

    def cells_of(self, first: int, last: int) -> str | None:
        """Return the cells that the lines `first` to `last` show, as in `Sales!A2:F40`; None if they show none."""
        number = bisect_right(self.sheets, last, key=lambda one: one.first) - 1
        if number < 0:
            return None
        sheet = self.sheets[number]
        rows = sheet.rows[max(0, first - sheet.first) : last - sheet.first + 1]
        if not rows:
            return None
        cells = f"{sheet.columns[0]}{rows[0]}:{sheet.columns[1]}{rows[-1]}"
        return f"{sheet.name}!{cells}" if sheet.name else cells
