"""Cut a document into chunks that can be found, read and cited on their own."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from app.errors import ConfigurationError
from app.retrieval.chunking import outline
from app.retrieval.chunking.document_text import DocumentText
from app.retrieval.chunking.outline import Block, Section
from app.retrieval.chunking.rows import Extent, Row
from app.retrieval.parsing.parsed import ParsedDocument
from topics.documents import Document
from topics.retrieval_results import Chunk

#: A run of stops is tried once, where it begins: from each of them, a line of dots takes the square of its length.
_STOPS = r"(?<![.!?\u061f\u06d4])[.!?\u061f\u06d4]++[\"')\]]*+\s+"
#: Stops of scripts in which no space need follow: Chinese, Devanagari, Burmese, Khmer, Tibetan, Ethiopic.
_OTHER_STOPS = "[\u3002\uff01\uff1f\u0964\u0965\u104b\u17d4\u17d5\u0f0d\u0f0e\u1362]++\\s*+"
_SENTENCE_END = re.compile(f"{_STOPS}|{_OTHER_STOPS}")
_CELL_END = re.compile(rf"\n|(?<!\n)\|[ ]*+|</t[dh]>\s*+|\t|{_STOPS}|{_OTHER_STOPS}", re.IGNORECASE)
_OUTLINES = {"markdown": outline.of_markdown, "text": outline.of_text, "code": outline.of_code}


@dataclass(frozen=True, slots=True)
class _Span:
    """The characters [start, end) of a source: in a chunk whole or not at all.

    An overlap begins in it only if it is not `whole`. `header` are the characters that head its table.
    """

    start: int
    end: int
    whole: bool = False
    header: Extent | None = None


def chunk_document(
    document: Document, parsed: ParsedDocument | None = None, *, words: int, overlap: int
) -> list[Chunk]:
    """Return the chunks of `document`, in its order, together with every visible line of it.

    Its text is that of the event, or what was `parsed` of its data; then chunks say which pages or cells they show.

    A chunk's text is a verbatim slice of the source of at most `words` words (as `DocumentText` counts them). It
    never spans two sections. `heading` is the path to its section; the heading's own line counts among
    `lines` but is not repeated in the text, unless the section has nothing else. Its `id` is made of what is in it,
    so it stays when others change. A fenced block is split only when it alone is larger than a chunk. A table is split
    between rows, and the later chunks have its `header`, for which there is room in their words. Up to `overlap`
    words of what came before are repeated.

    Raises:
        ConfigurationError: the overlap is not smaller than the chunk.
    """
    if not 0 <= overlap < words:
        raise ConfigurationError(f"retrieval.chunk_overlap ({overlap}) must be smaller than chunk_tokens ({words})")
    parsed = parsed or ParsedDocument(text=document.text, format=document.format)
    source = DocumentText(parsed.text)
    sections = _OUTLINES[parsed.format](source)
    unnamed = Chunk(id="", document_id=document.id, source=document.source or document.id, lines=(1, 1), text="")
    chunks = [
        unnamed.model_copy(update={**fields, "section": number})
        for number, section in enumerate(sections)
        for fields in _pieces(source, section, words, overlap)
    ]
    return [_placed(chunk, parsed, source) for chunk in _named(document.key, chunks)]


def _placed(chunk: Chunk, parsed: ParsedDocument, source: DocumentText) -> Chunk:
    """Return a chunk with its pages and cells."""
    if not (parsed.pages or parsed.sheets) or chunk.span is None:
        return chunk
    lines = source.line(chunk.span[0]), source.line(chunk.span[1] - 1)
    return chunk.model_copy(update={"pages": parsed.pages_of(*lines), "cells": parsed.cells_of(*lines)})


def _pieces(source: DocumentText, section: Section, words: int, overlap: int) -> Iterator[dict[str, object]]:
    """Yield what is to be said of each chunk of `section`."""
    for number, span in enumerate(_pack(source, section, words, overlap)):
        first = source.line(span.start) if number else section.first
        yield {
            "heading": section.path,
            "header": _header(source, span.start, span.header, words),
            "lines": (first + 1, source.line(span.end - 1) + 1),
            "text": source.text[span.start : span.end],
            "span": (span.start, span.end),
        }


def _named(key: str, chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    """Yield the chunks with their positions, and with ids that stay as long as what is in them does."""
    seen: Counter[str] = Counter()
    for position, chunk in enumerate(chunks):
        content = json.dumps([chunk.heading, chunk.header, chunk.text])
        digest = blake2b(content.encode(), digest_size=8).hexdigest()
        seen[digest] += 1
        repeated = f"-{seen[digest]}" if seen[digest] > 1 else ""
        yield chunk.model_copy(update={"id": f"{key}#{digest}{repeated}", "position": position})


def _pack(source: DocumentText, section: Section, words: int, overlap: int) -> Iterator[_Span]:
    """Fill chunks greedily; each after the first begins in what came before, as far as there is room."""
    held: list[_Span] = []
    start = 0
    for unit in _units(source, section, words):
        if held and source.words(start, unit.end) > words - _headed(source, start, held[0].header, words):
            yield _Span(start, held[-1].end, header=held[0].header)
            room = words - source.words(unit.start, unit.end) - _headed(source, unit.start, unit.header, words)
            start = _overlap(source, held, unit, min(overlap, room))
            held = [span for span in held if span.end > start]
        elif not held:
            start = unit.start
        held.append(unit)
    yield _Span(start, held[-1].end, header=held[0].header)


def _overlap(source: DocumentText, held: list[_Span], unit: _Span, room: int) -> int:
    """Return where a chunk that goes on with `unit` begins, to repeat up to `room` words, and only whole rows."""
    fitting = [span for span in held if source.words(span.start, unit.start) <= room]
    start = fitting[0].start if fitting else unit.start
    if len(fitting) == len(held):
        return start
    partly = held[-len(fitting) - 1]
    excess = source.words(partly.start, unit.start) - room
    if partly.whole or excess >= source.words(partly.start, partly.end):
        return start
    return source.word(partly.start, excess)


def _headed(source: DocumentText, start: int, header: Extent | None, words: int) -> int:
    """Return how many words a chunk that begins at `start` has for the header of its table: at most half of them."""
    return min(source.words(*header), words // 2) if header and header[0] < start else 0


def _header(source: DocumentText, start: int, header: Extent | None, words: int) -> str | None:
    room = _headed(source, start, header, words)
    if not header or not room:
        return None
    end = header[1] if source.words(*header) <= room else source.word(header[0], room)
    return source.text[header[0] : end].strip()


def _units(source: DocumentText, section: Section, words: int) -> Iterator[_Span]:
    """Yield what chunks are made of: whole blocks, else rows or lines, else cells or sentences, else words."""
    for block in section.blocks:
        span = _span(source, block.first, block.last, whole=block.whole)
        if source.words(span.start, span.end) <= words:
            yield span
        elif block.rows:
            yield from _rows(source, block.rows, words)
        else:
            yield from _lines(source, block, words)


def _rows(source: DocumentText, rows: Sequence[Row], words: int) -> Iterator[_Span]:
    for row in rows:
        span = _Span(row.start, row.end, whole=True, header=row.header)
        size = source.words(span.start, span.end)
        if size > words - _headed(source, span.start, span.header, words):
            yield from _divided(source, span, words - _headed(source, span.end, span.header, words), _CELL_END)
        elif size:
            yield span


def _lines(source: DocumentText, block: Block, words: int) -> Iterator[_Span]:
    for line in range(block.first, block.last + 1):
        if not source.blank(line):
            yield from _divided(source, _span(source, line, line, whole=block.whole), words, _SENTENCE_END)


def _divided(source: DocumentText, span: _Span, words: int, ends: re.Pattern[str]) -> Iterator[_Span]:
    """Yield `span` if it has at most so many words; else its parts that end as `ends` says, else by words."""
    if source.words(span.start, span.end) <= words:
        yield span
        return
    start = span.start
    for end in [*(match.end() for match in ends.finditer(source.text, span.start, span.end)), span.end]:
        while source.words(start, end) > words:
            middle = source.word(start, words)
            yield _trimmed(source, span, start, middle)
            start = middle
        if source.words(start, end):
            yield _trimmed(source, span, start, end)
        start = end


def _span(source: DocumentText, first: int, last: int, *, whole: bool = False) -> _Span:
    """Return the lines as a span that keeps the indentation, which means something in lists and code."""
    start = source.offset(first)
    return _Span(start, start + len(source.text[start : source.offset(last + 1)].rstrip()), whole)


def _trimmed(source: DocumentText, span: _Span, start: int, end: int) -> _Span:
    return replace(span, start=start, end=start + len(source.text[start:end].rstrip()))
