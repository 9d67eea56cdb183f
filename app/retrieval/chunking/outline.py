"""The outline of a document: its sections, and the blocks that are better not split."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.retrieval.chunking import rows
from app.retrieval.chunking.document_text import DocumentText
from app.retrieval.chunking.rows import Row

_FENCES = frozenset({"fence", "code_block"})
_ATOMIC_BLOCKS = _FENCES | {"paragraph_open", "html_block", "table_open"}
_HTML_TABLE = re.compile(r"<(/?)table\b", re.IGNORECASE)
_KEY = re.compile(r"\w[\w-]*+\s*+:")
#: What definitions begin with at the margin, after modifiers, in the languages of `app.retrieval.parsing.formats`.
_DEFINITION = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|sealed|async|pub|open|data|inline"
    r"|virtual|partial|unsafe|const)\s+){0,6}"
    r"(?:def|class|func|fn|fun|function|interface|struct|enum|union|trait|impl|type|module|namespace|object|record|mod"
    r"|package|extension|protocol|create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure|index))\b[\s*]+\S",
    re.IGNORECASE,
)
_ABOVE = re.compile(r"@\w|#\[|//|#|/\*|\s?\*")
#: Only titles are read within, and no longer ones: what is nested in a line takes the parser the square of its length.
_LONGEST_TITLE = 500


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `first` to `last`, counted from 0, that stay together if they can.

    An overlap repeats the end of a block, but of `whole` ones only all of it: code, items of lists, tables. `rows` are
    what it is divided into if it is too long.
    """

    first: int
    last: int
    whole: bool = False
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading: `path` is "Guide > Install", `first` the line where its heading is."""

    path: str
    first: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class _Heading:
    level: int
    title: str
    first: int
    end: int


def of_text(source: DocumentText) -> list[Section]:
    """Return one section whose blocks are the paragraphs: runs of lines between blank ones."""
    blocks = [_block(run, rows.of_lines(source, *run)) for run in _runs(source, 0, len(source.lines))]
    return [Section("", blocks[0].first, tuple(blocks))] if blocks else []


def of_code(source: DocumentText) -> list[Section]:
    """Return the definitions at the margin as sections that their first lines name, in which blank lines divide blocks.

    No grammar is read: a definition is a line at the margin that begins with one of the words for it, together with the
    decorators and comments right above. What stands before the first one is a section without a name.
    """
    starts = [number for number in _visible(source, 0, len(source.lines)) if _DEFINITION.match(source.lines[number])]
    begins = [_with_what_is_above(source, number) for number in starts]
    titles = dict(zip(begins, (source.lines[number].rstrip(" {:(\t") for number in starts), strict=True))
    bounds = sorted({0, *begins, len(source.lines)})
    sections = []
    for first, end in pairwise(bounds):
        blocks = [Block(*run, whole=True) for run in _runs(source, first, end)]
        if blocks:
            sections.append(Section(titles.get(first, "")[:_LONGEST_TITLE], blocks[0].first, tuple(blocks)))
    return sections


def _with_what_is_above(source: DocumentText, number: int) -> int:
    while number and _ABOVE.match(source.lines[number - 1]):
        number -= 1
    return number


def _runs(source: DocumentText, start: int, end: int) -> list[tuple[int, int]]:
    """Return the runs of lines between blank ones, by their first and last lines."""
    runs: list[tuple[int, int]] = []
    for line in _visible(source, start, end):
        if runs and runs[-1][1] == line - 1:
            runs.append((runs.pop()[0], line))
        else:
            runs.append((line, line))
    return runs


def of_markdown(source: DocumentText) -> list[Section]:
    """Return the sections of a CommonMark text with tables; front matter is a section without heading."""
    # A quote that is not closed is read to the document's end for each of its lines, so quotes are left as paragraphs.
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "blockquote"])
    tokens = parser.parse(_without_front_matter(source))
    headings = list(_headings(source, tokens))
    blocks = _blocks(source, tokens)
    start = _Heading(0, "", 0, 0)
    end = _Heading(0, "", len(source.lines), len(source.lines))
    return list(_sections(source, [start, *headings, end], blocks))


def _sections(source: DocumentText, headings: Sequence[_Heading], blocks: Sequence[Block]) -> Iterator[Section]:
    above: list[_Heading] = []
    waiting: int | None = None  # the first of the headings right above this one that have nothing under them
    for heading, following in pairwise(headings):
        above = [other for other in above if other.level < heading.level]
        waiting = heading.first if waiting is None and heading.level else waiting
        path = _path([*above, heading])
        body = _within(source, blocks, heading.end, following.first)
        if not body and heading.level and following.level <= heading.level:
            # Nothing stands under this heading: it is itself what its section says.
            path, body = _path(above), [Block(heading.first, heading.end - 1)]
        if body:
            yield Section(path, body[0].first if waiting is None else waiting, tuple(body))
            waiting = None
        above.append(heading)


def _path(headings: Sequence[_Heading]) -> str:
    return " > ".join(heading.title for heading in headings if heading.title)


def _headings(source: DocumentText, tokens: Sequence[Token]) -> Iterator[_Heading]:
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            quoted = source.lines[opening.map[0]].lstrip().startswith(">")  # above a rule, and so no title
            if not quoted:
                yield _Heading(int(opening.tag[1:]), _plain(inline.content), *opening.map)


def _plain(title: str) -> str:
    """Return a heading's words without its markup, if it is not too long to be one."""
    if len(title) > _LONGEST_TITLE:
        return " ".join(title.split())
    (inline,) = MarkdownIt("commonmark").parseInline(title)
    words = "".join(child.content or " " * (child.type == "softbreak") for child in inline.children or ())
    return " ".join(words.split())


def _blocks(source: DocumentText, tokens: Sequence[Token]) -> list[Block]:
    """Return the leaves that stay whole, without the blank lines that they may end with."""
    found: list[tuple[Token, int, int]] = []
    open_tables = 0
    for token in tokens:
        if token.type not in _ATOMIC_BLOCKS or not token.map:
            continue
        lines = list(_visible(source, *token.map))
        if not lines:
            continue
        first, last = lines[0], lines[-1]
        if token.type == "html_block":
            if open_tables > 0 and found:  # a blank line in a table ends CommonMark's block
                first = found.pop()[1]
            open_tables += sum(-1 if tag[1] else 1 for tag in _HTML_TABLE.finditer(token.content))
        else:
            open_tables = 0
        found.append((token, first, last))
    # Rows are looked for when all of a table is known: it may have grown by a block many times.
    return [
        _block((first, last), _rows(source, token, first, last), whole=_whole(token)) for token, first, last in found
    ]


def _whole(token: Token) -> bool:
    return token.type in _FENCES or token.level > 0


def _rows(source: DocumentText, token: Token, first: int, last: int) -> tuple[Row, ...]:
    if token.type == "table_open":
        return rows.of_table(source, first, last)
    if token.type == "html_block":
        return rows.of_html(source, first, last)
    if token.type == "fence":
        return rows.of_fence(source, first, last, token.info)
    return rows.of_lines(source, first, last) if token.type == "paragraph_open" else ()


def _block(lines: tuple[int, int], found: tuple[Row, ...], *, whole: bool = False) -> Block:
    return Block(*lines, whole=whole or bool(found), rows=found)


def _within(source: DocumentText, blocks: Sequence[Block], start: int, end: int) -> list[Block]:
    """Return the blocks in lines [start, end), and each visible line between them as a block of its own.

    Those lines are link definitions, rules and front matter.
    """
    inside = blocks[_before(blocks, start) : _before(blocks, end)]
    held = {line for block in inside for line in range(block.first, block.last + 1)}
    loose = [Block(line, line) for line in _visible(source, start, end) if line not in held]
    return sorted([*inside, *loose], key=lambda block: block.first)


def _before(blocks: Sequence[Block], line: int) -> int:
    return bisect_left(blocks, line, key=lambda block: block.first)


def _visible(source: DocumentText, start: int, end: int) -> Iterator[int]:
    return (line for line in range(start, end) if not source.blank(line))


def _without_front_matter(source: DocumentText) -> str:
    """Return the text with YAML front matter blanked, which CommonMark would read as a rule and a heading."""
    lines = source.lines
    if lines[0].rstrip() != "---" or len(lines) == 1 or not _KEY.match(lines[1]):
        return source.text
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() in {"---", "..."}:
            return "\n".join([""] * (number + 1) + lines[number + 1 :])
    return source.text
