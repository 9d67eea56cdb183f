"""Cut a document into chunks that can be found, read and cited on their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import ConfigurationError
from app.retrieval.chunking import outline
from app.retrieval.chunking.document_text import DocumentText
from app.retrieval.chunking.outline import Block, Section
from topics.documents import Document
from topics.retrieval_results import Chunk

#: A run of stops is tried once, where it begins: from each of them, a line of dots takes the square of its length.
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"')\]]*+\s+|[。！？]++\s*+")  # noqa: RUF001  # the full-width stops are meant


@dataclass(frozen=True, slots=True)
class _Span:
    """The characters [start, end) of a source: in a chunk whole or not at all."""

    start: int
    end: int
    code: bool = False


def chunk_document(document: Document, *, words: int, overlap: int) -> list[Chunk]:
    """Return the chunks of `document`, in its order, together with every visible line of it.

    A chunk's text is a verbatim slice of the source of at most `words` words (as `DocumentText` counts them). It
    never spans two sections. `heading` is the path to its section; the heading's own line counts among
    `lines` but is not repeated in the text, unless the section has nothing else. A fenced block is split
    only when it alone is larger than a chunk. Up to `overlap` words of what came before are repeated.

    Raises:
        ConfigurationError: the overlap is not smaller than the chunk.
    """
    if not 0 <= overlap < words:
        raise ConfigurationError(f"retrieval.chunk_overlap ({overlap}) must be smaller than chunk_tokens ({words})")
    source = DocumentText(document.text)
    sections = outline.of_markdown(source) if document.format == "markdown" else outline.of_text(source)
    pieces = [piece for section in sections for piece in _pieces(source, section, words, overlap)]
    return [
        Chunk(
            id=f"{document.id}#{number}",
            document_id=document.id,
            source=document.source or document.id,
            heading=path,
            lines=(first + 1, source.line(span.end - 1) + 1),
            text=source.text[span.start : span.end],
        )
        for number, (path, first, span) in enumerate(pieces)
    ]


def _pieces(source: DocumentText, section: Section, words: int, overlap: int) -> Iterator[tuple[str, int, _Span]]:
    """Yield path, first line and span of each chunk of `section`."""
    for number, span in enumerate(_pack(source, section, words, overlap)):
        yield section.path, source.line(span.start) if number else section.first, span


def _pack(source: DocumentText, section: Section, words: int, overlap: int) -> Iterator[_Span]:
    """Fill chunks greedily; each after the first begins in what came before, as far as there is room."""
    held: list[_Span] = []
    start = 0
    for unit in _units(source, section, words):
        if held and source.words(start, unit.end) > words:
            yield _Span(start, held[-1].end)
            room = min(overlap, words - source.words(unit.start, unit.end))
            start = _overlap(source, held, unit, room)
            held = [span for span in held if span.end > start]
        elif not held:
            start = unit.start
        held.append(unit)
    yield _Span(start, held[-1].end)


def _overlap(source: DocumentText, held: list[_Span], unit: _Span, room: int) -> int:
    """Return where a chunk that goes on with `unit` begins, to repeat up to `room` words but no half code block."""
    whole = [span for span in held if source.words(span.start, unit.start) <= room]
    start = whole[0].start if whole else unit.start
    partly = held[-len(whole) - 1]  # there is one: all of `held` and the unit are more than a chunk
    excess = source.words(partly.start, unit.start) - room
    if partly.code or excess >= source.words(partly.start, partly.end):
        return start
    return source.word(partly.start, excess)


def _units(source: DocumentText, section: Section, words: int) -> Iterator[_Span]:
    """Yield what chunks are made of: whole blocks, else lines, else sentences, else words."""
    for block in section.blocks:
        span = _span(source, block.first, block.last, code=block.code)
        if source.words(span.start, span.end) <= words:
            yield span
        else:
            yield from _lines(source, block, words)


def _lines(source: DocumentText, block: Block, words: int) -> Iterator[_Span]:
    for line in range(block.first, block.last + 1):
        if source.blank(line):
            continue
        span = _span(source, line, line, code=block.code)
        if source.words(span.start, span.end) <= words:
            yield span
        else:
            yield from _sentences(source, span, words)


def _sentences(source: DocumentText, line: _Span, words: int) -> Iterator[_Span]:
    start = line.start
    ends = [match.end() for match in _SENTENCE_END.finditer(source.text, line.start, line.end)]
    for end in [*ends, line.end]:
        while source.words(start, end) > words:
            middle = source.word(start, words)
            yield _trimmed(source, start, middle)
            start = middle
        if start < end:
            yield _trimmed(source, start, end)
        start = end


def _span(source: DocumentText, first: int, last: int, *, code: bool) -> _Span:
    """Return the lines as a span that keeps the indentation, which means something in lists and code."""
    start = source.offset(first)
    return _Span(start, start + len(source.text[start : source.offset(last + 1)].rstrip()), code)


def _trimmed(source: DocumentText, start: int, end: int) -> _Span:
    return _Span(start, start + len(source.text[start:end].rstrip()))
