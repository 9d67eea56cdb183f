"""What commands print: tables and sentences for people, one JSON object per line for programs.

On a terminal, text is wrapped between words and tables are fitted to its width. Anywhere else nothing is wrapped, cut
or coloured, whatever the environment says: somebody else's program reads it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.cli.layout import Table, wrap
from app.errors import ConfigurationError
from app.timestamps import format_time

#: So much of a text is shown on a terminal, where it is one of several.
EXCERPT = 160
#: The columns of a terminal that does not say how many it has.
_USUAL = 80
#: Characters that could move the cursor, turn the direction of text or forge a line on a terminal; answers and dead
#: letters are untrusted text.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
_CONTROL |= {code: f"\\u{code:04x}" for code in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))}


def visible(text: str) -> str:
    """Return `text` with control characters escaped."""
    return text.translate(_CONTROL)


def readable_json(value: object, indent: int | None = None) -> str:
    """Return `value` as JSON for people, which `visible` leaves as it is."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text.translate({code: f"\\u{code:04x}" for code in _CONTROL if code not in range(32)})


def one_line(text: str, limit: int | None = None) -> str:
    """Return `text` on one line, of at most `limit` characters if there is one, cut after a word if it has some."""
    joined = " ".join(visible(text).split())
    if limit is None or len(joined) <= limit:
        return joined
    begin = joined[: limit - 1]
    words = begin.rpartition(" ")[0]
    return f"{words} …" if len(words) > limit // 2 else f"{begin}…"


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
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    @property
    def width(self) -> int | None:
        """The columns of the terminal; None if standard output is none."""
        return self._out.width if self._out else None

    def emit(self, value: BaseModel | dict[str, Any]) -> None:
        """Write one JSON object as a line, flushed."""
        text = value.model_dump_json(exclude_none=True) if isinstance(value, BaseModel) else _json(value)
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            text = json.dumps(json.loads(text), separators=(",", ":"))
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, text: str = "", style: str = "") -> None:
        """Print a text for people; omitted for programs."""
        if not self.programs:
            _print(self._out, sys.stdout, visible(text), style)

    def say_row(self, facts: str, text: str = "") -> None:
        """Print facts such as ids and states, and a text, on one line; a terminal shows the beginning of the text."""
        self.say(f"{facts}  {self.excerpt(text)}".rstrip())

    def excerpt(self, text: str) -> str:
        """Return `text` on one line; for a terminal, its beginning."""
        return one_line(text, None if self.width is None else EXCERPT)

    def piece(self, text: str) -> None:
        """Print a fragment of a longer text, flushed, without a newline."""
        sys.stdout.write(visible(text))
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print a note to standard error, for people and logs, in its place where both go to one file."""
        sys.stdout.flush()
        _print(self._err, sys.stderr, visible(text))
        sys.stderr.flush()

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        title: str | None = None,
        *,
        prose: Collection[str] = (),
        keep: Collection[str] = (),
        expendable: Sequence[str] = (),
    ) -> None:
        """Print a table for people; numbers are right-aligned. For `prose`, `keep` and `expendable`, see `Table`."""
        rows = [list(row) for row in rows]
        right = [number for number in range(len(columns)) if rows and all(_is_number(row[number]) for row in rows)]
        table = Table(columns, [[_cell(value) for value in row] for row in rows], right, prose, keep, expendable)
        if title:
            self.say(title, "italic")
        for line, is_head in table.lines(self.width):
            _print(self._out, sys.stdout, line, "dim" if is_head else "", wrapped=False)
        if table.left_out:
            columns_left = ", ".join(reversed(table.left_out))
            self.say(f"({columns_left}: left out, as the terminal has {self.width} columns)", "dim")

    def progress(self, *, hidden: bool = False) -> Progress:
        """Return a progress display on standard error; it shows nothing without a terminal, or if `hidden`."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        hidden = hidden or self.programs or self._err is None
        return Progress(*columns, console=self._err or Console(stderr=True), disable=hidden, transient=True)


def _console(stream: TextIO) -> Console | None:
    """Return a console if `stream` is a terminal."""
    if not stream.isatty():
        return None
    # Without a height, a width counts for nothing where TERM is dumb.
    return Console(file=stream, width=_width(stream), height=25, highlight=False, markup=False, emoji=False)


def _width(stream: TextIO) -> int:
    """Return the columns of a terminal, or those that COLUMNS asks for."""
    wanted = os.environ.get("COLUMNS", "")
    try:
        return (int(wanted) if wanted.isdecimal() else 0) or os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError):
        return _USUAL


def _print(console: Console | None, stream: TextIO, text: str, style: str = "", *, wrapped: bool = True) -> None:
    """Print a text that has no control characters."""
    if console is None:
        stream.write(text + "\n")
        return
    for line in text.split("\n"):
        for part in wrap(line, console.width) if wrapped else (line,):
            console.print(Text(part, style=style), soft_wrap=True)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return format_time(value)
    return "" if value is None else visible(str(value))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
