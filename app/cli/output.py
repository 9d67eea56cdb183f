"""What commands print: tables and sentences for people, one JSON object per line for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from app.errors import ConfigurationError

#: Characters that could move the cursor or forge a line on a terminal; answers and dead letters are untrusted text.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
#: Where nobody looks, nothing is wrapped or cut.
_ENDLESS = 1_000_000


def visible(text: str) -> str:
    """Return `text` with control characters escaped."""
    return text.translate(_CONTROL)


def one_line(text: str, limit: int = 160) -> str:
    """Return `text` on one line of at most `limit` characters."""
    joined = " ".join(visible(text).split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def write(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


class Output:
    """The output of a command: results go to standard output, notes to standard error."""

    def __init__(self, *, programs: bool = False) -> None:
        self.programs = programs
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def emit(self, value: BaseModel | dict[str, Any]) -> None:
        """Write one JSON object as a line, flushed."""
        text = value.model_dump_json(exclude_none=True) if isinstance(value, BaseModel) else _json(value)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line for people; omitted for programs."""
        if not self.programs:
            self._out.print(Text(visible(text), style=style))

    def piece(self, text: str) -> None:
        """Print a fragment of a longer text, flushed, without a newline."""
        sys.stdout.write(visible(text))
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print a note to standard error, for people and logs."""
        self._err.print(Text(visible(text)), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
        """Print a table for people; numbers are right-aligned."""
        rows = [list(row) for row in rows]
        table = Table(
            title=title and Text(title),
            title_justify="left",
            box=None,
            pad_edge=False,
            header_style="dim",
            show_header=any(columns),
        )
        for number, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row))
        self._out.print(table)

    def progress(self, *, hidden: bool = False) -> Progress:
        """Return a progress display on standard error; it shows nothing without a terminal, or if `hidden`."""
        hidden = hidden or self.programs or not self._err.is_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self._err, disable=hidden, transient=True)


def _console(*, stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=None if terminal else _ENDLESS)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else visible(str(value))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
