"""The project's pages, taken apart: examples, links, headings and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md"))
    )
)
_MARK = re.compile(r"<!-- (.+?) -->")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of `page` that begins on `line`; `mark` is the HTML comment right above it."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text(page: str) -> str:
    """Return the source of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def tokens(page: str) -> tuple[Token, ...]:
    """Return a page's parse."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(text(page)))


def blocks(*languages: str, pages: tuple[str, ...] = PAGES) -> list[Block]:
    """Return all fenced blocks in these languages."""
    return [block for page in pages for block in _blocks(page) if block.language in languages]


def _blocks(page: str) -> Iterator[Block]:
    mark = ""
    for token in tokens(page):
        if token.type == "fence":
            line = token.map[0] + 1 if token.map else 0
            yield Block(page, line, token.info, mark, token.content)
        found = _MARK.match(token.content) if token.type == "html_block" else None
        mark = found[1] if found else ""


def headings(page: str) -> list[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found = tokens(page)
    titles = [after.content for token, after in pairwise(found) if token.type == "heading_open"]
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def links(page: str) -> list[str]:
    """Return where the links of a page lead."""
    inner = [child for token in tokens(page) for child in token.children or ()]
    return [str(child.attrs["href"]) for child in inner if child.type == "link_open"]


def table(page: str, *columns: str) -> list[list[str]]:
    """Return the rows, as Markdown, of all tables of a page that have these columns."""
    return [row for header, *rows in _tables(page) if header == list(columns) for row in rows]


def _tables(page: str) -> Iterator[list[list[str]]]:
    rows: list[list[str]] | None = None
    for token in tokens(page):
        if token.type == "table_open":
            rows = []
        elif rows is None:
            continue
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token.content)
        elif token.type == "table_close":
            yield rows
            rows = None


def codes(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def first_codes(page: str, *columns: str) -> list[str]:
    """Return what stands in backticks in the first column of such tables."""
    return [code for row in table(page, *columns) for code in codes(row[0])]
