"""The rows of tables and the items of lists: a chunk begins with one of them, not in the middle of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.retrieval.chunking.document_text import DocumentText

_PIPES = re.compile(r"[\s>]*\|")
_PIPE_RULE = re.compile(r"(?=.*-)(?=.*[|+])[\s>|:+-]+")
_GRID_RULE = re.compile(r"\s*\+(?:[-=]+\+)+\s*")
_SIMPLE_RULE = re.compile(r"\s*=+(?: +=+)+\s*")
_ITEM = re.compile(r"[\s>]*(?:[-*+\u2022]|\d{1,9}[.)])\s+\S")
_QUOTED = re.compile(r'"[^"]*+"')
#: With the fewest of them in a line of a table.
_DELIMITERS = (("\t", 1), (",", 2), (";", 2))
#: Lines with as many delimiters each are a table, not prose; if spaces follow the delimiters, it takes more of them.
_FEWEST_LINES, _FEWEST_SPACED_LINES = 4, 8
_DELIMITED_FENCES = {"csv", "tsv", "psv"}
_HTML_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_HTML_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_HTML_HEAD_END = re.compile(r"</thead\b", re.IGNORECASE)
_HTML_HEAD_CELL = re.compile(r"<th\b", re.IGNORECASE)
_HTML_CELL = re.compile(r"<td\b", re.IGNORECASE)

#: The characters [start, end) of a source.
Extent = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """The characters [start, end) of a source, and those that head the columns; the first row contains its header."""

    start: int
    end: int
    header: Extent | None = None


def of_table(source: DocumentText, first: int, last: int) -> tuple[Row, ...]:
    """Return the rows of the Markdown table in these lines; the first has the header, the rule below it, and a row."""
    return _rows(source, first, last, range(first + 2, last + 1), (first, first))


def of_fence(source: DocumentText, first: int, last: int, info: str) -> tuple[Row, ...]:
    """Return the rows of a fenced block whose language is `csv` or the like; of another, none."""
    language = (info.split() or [""])[0].lower()
    if language not in _DELIMITED_FENCES or last - first < 3:  # noqa: PLR2004  # two fences, the header and a row
        return ()
    return _rows(source, first, last, range(first + 2, last), (first + 1, first + 1))


def of_lines(source: DocumentText, first: int, last: int) -> tuple[Row, ...]:
    """Return the rows of lines that look like a table or a list, as in plain text or in a quote; of others, none."""
    lines = source.lines[first : last + 1]
    for find in (_pipes, _grid, _simple, _delimited, _list):
        if found := find(lines):
            starts, header = found
            lines_of_header = header and (first + header[0], first + header[1])
            return _rows(source, first, last, [first + start for start in starts], lines_of_header)
    return ()


def of_html(source: DocumentText, first: int, last: int) -> tuple[Row, ...]:
    """Return the rows of the HTML tables in these lines; without a row, none."""
    text, start, end = source.text, source.offset(first), _end(source, first, last)
    if not _HTML_ROW.search(text, start, end):
        return ()
    tables = [found.start() for found in _HTML_TABLE.finditer(text, start, end)]
    bounds = [start, *tables[1:], end]
    return tuple(row for begin, stop in pairwise(bounds) for row in _html(text, begin, stop))


#: The lines, from 0, with which rows begin, and the first and last line of the header.
_Found = tuple[Sequence[int], Extent | None] | None


def _pipes(lines: Sequence[str]) -> _Found:
    """Find tables with `|` between cells, as in Markdown and in the output of psql, which may end with a footer."""
    if len(lines) < 2:  # noqa: PLR2004  # one row is a line
        return None
    if _PIPE_RULE.fullmatch(lines[1]) and all("|" in line for line in (lines[0], *lines[2:-1])):
        return range(2, len(lines)), (0, 0)
    return (range(len(lines)), None) if all(map(_PIPES.match, lines)) else None


def _grid(lines: Sequence[str]) -> _Found:
    """Find tables in frames: those of reStructuredText, whose rows have several lines, and the output of mysql."""
    rules = [number for number, line in enumerate(lines) if _GRID_RULE.fullmatch(line)]
    if len(rules) < 2 or (rules[0], rules[-1]) != (0, len(lines) - 1):  # noqa: PLR2004  # above and below
        return None
    head = next((number for number in rules if "=" in lines[number]), 0)
    if len(rules) == 3 and not head:  # noqa: PLR2004  # above, below the header, below
        return range(rules[1] + 1, rules[2]), (1, rules[1] - 1)
    starts = [number + 1 for number in rules[:-1] if number >= head]
    return starts, (1, head - 1) if head else None


def _simple(lines: Sequence[str]) -> _Found:
    """Find the simple tables of reStructuredText, which have rules of equals signs."""
    rules = [number for number, line in enumerate(lines) if _SIMPLE_RULE.fullmatch(line)]
    if len(rules) != 3 or (rules[0], rules[-1]) != (0, len(lines) - 1):  # noqa: PLR2004  # above, below the header, below
        return None
    return range(rules[1] + 1, rules[2]), (1, rules[1] - 1)


def _delimited(lines: Sequence[str]) -> _Found:
    if len(lines) < _FEWEST_LINES:
        return None
    plain = [_QUOTED.sub("", line) for line in lines]
    for delimiter, fewest in _DELIMITERS:
        count = plain[0].count(delimiter)
        spaced = f"{delimiter} " in plain[0] and len(lines) < _FEWEST_SPACED_LINES
        if count >= fewest and not spaced and all(one.count(delimiter) == count for one in plain):
            names = [name.strip() for name in plain[0].split(delimiter)]
            headed = not any(name.replace(".", "").isdecimal() for name in names)
            return (range(1, len(lines)), (0, 0)) if headed else (range(len(lines)), None)
    return None


def _list(lines: Sequence[str]) -> _Found:
    starts = [number for number, line in enumerate(lines) if _ITEM.match(line)]
    return (starts, None) if len(starts) > 1 and starts[0] == 0 else None


def _html(text: str, start: int, end: int) -> Iterator[Row]:
    starts = [found.start() for found in _HTML_ROW.finditer(text, start, end)]
    header = _html_header(text, starts, end)
    begins = [start, *[one for one in starts if one >= (header[1] if header else start)][1:]]
    for begin, stop in zip(begins, [*begins[1:], end], strict=True):
        yield Row(begin, begin + len(text[begin:stop].rstrip()), header)


def _html_header(text: str, starts: Sequence[int], end: int) -> Extent | None:
    if not starts:
        return None
    if head_end := _HTML_HEAD_END.search(text, starts[0], end):
        return starts[0], head_end.start()
    first = (starts[0], starts[1] if len(starts) > 1 else end)
    return first if _HTML_HEAD_CELL.search(text, *first) and not _HTML_CELL.search(text, *first) else None


def _rows(source: DocumentText, first: int, last: int, starts: Sequence[int], header: Extent | None) -> tuple[Row, ...]:
    """Return rows that begin with the lines `starts`; the first includes everything above it."""
    begins = [first, *starts[1:]]
    head = header and (source.offset(header[0]), _end(source, *header))
    return tuple(
        Row(source.offset(begin), _end(source, begin, following - 1), head)
        for begin, following in zip(begins, [*begins[1:], last + 1], strict=True)
    )


def _end(source: DocumentText, first: int, last: int) -> int:
    """Return where the visible part of these lines ends."""
    start = source.offset(first)
    return start + len(source.text[start : source.offset(last + 1)].rstrip())
