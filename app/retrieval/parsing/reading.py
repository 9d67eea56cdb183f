"""Read the bytes of a document; called in the parser's own process, since what is read may be made to do harm."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.errors import MissingDependency, UnreadableDocument
from app.retrieval.parsing import tables
from app.retrieval.parsing.decoding import decode
from app.retrieval.parsing.formats import ENDINGS, Reading, reading_of
from app.retrieval.parsing.parsed import PageStart, ParsedDocument

_INSTALL = 'pip install "meta-ai-orchestrator[documents]"'
#: Media types of the library whose bytes are text, in whatever encoding.
_TEXTUAL = frozenset({"text/html", "application/json", "application/x-ndjson"})
#: Where the source says which page something is on: in a Word file, only a printer knows.
_PAGED = ("application/pdf", "presentation")


class ReadingLimits(BaseModel):
    """How much of a document is read: more pages, cells of tables, or characters of text are refused."""

    model_config = ConfigDict(frozen=True)

    pages: int
    cells: int
    characters: int


def read_document(data: bytes, media_type: str, limits: ReadingLimits) -> ParsedDocument:
    """Return what is in a document.

    Raises:
        MissingDependency: the packages for its format are not installed.
        UnreadableDocument: it cannot be read, or goes beyond a limit.
    """
    reading = reading_of(media_type)
    if reading is None:
        raise UnreadableDocument(f"content_type {media_type[:100]}: cannot be read; what can ends in {ENDINGS}")
    try:
        parsed = _read(data, media_type, reading, limits)
    except ImportError as error:
        raise MissingDependency(_INSTALL) from error
    if len(parsed.text) > limits.characters:
        text = f"it has {len(parsed.text)} characters of text, and {limits.characters} are allowed: split it"
        raise UnreadableDocument(text)
    return parsed.model_copy(update={"lost": parsed.text.count("\ufffd"), "text": parsed.text.replace("\0", "\ufffd")})


def _read(data: bytes, media_type: str, reading: Reading, limits: ReadingLimits) -> ParsedDocument:
    plain, *parameters = (part.strip().lower() for part in media_type.split(";"))
    charset = next((one.removeprefix("charset=").strip('"') for one in parameters if one.startswith("charset=")), None)
    if reading == "csv":
        return tables.read_csv(decode(data, charset), max_cells=limits.cells)
    if reading == "sheets":
        return tables.read_sheets(data, max_cells=limits.cells)
    if reading == "library":
        source = decode(data, charset).encode(errors="replace") if plain in _TEXTUAL else data
        return _by_library(source, plain, limits)
    return ParsedDocument(text=decode(data, charset), format=reading)


def _by_library(data: bytes, media_type: str, limits: ReadingLimits) -> ParsedDocument:
    import xberg  # noqa: PLC0415  # of an extra, and heavy

    config = xberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        output_format="markdown",
        escape_markdown=False,
        pages=xberg.PageConfig(extract_pages=True),
        html_options=xberg.ConversionOptions(extract_metadata=False),
        concurrency=xberg.ConcurrencyConfig(max_threads=1),
        security_limits=xberg.SecurityLimits(max_pages=limits.pages, max_table_cells=limits.cells),
    )

    async def extract() -> Any:
        return await xberg.extract(xberg.ExtractInput(kind="bytes", bytes=data, mime_type=media_type), config)

    try:
        result = asyncio.run(extract())
    except (RuntimeError, ValueError, xberg.XbergError) as error:
        raise UnreadableDocument(str(error)[:500]) from None
    if not result.results:
        raise UnreadableDocument("; ".join(str(one.message) for one in result.errors)[:500] or "nothing was read")
    found = result.results[0]
    notes = tuple(one.message[:500] for one in found.processing_warnings if one.source == "parse-fallback")
    if found.pages and any(kind in media_type for kind in _PAGED):
        return _paged(found.pages, notes)
    return ParsedDocument(text=found.content, notes=notes)


def _paged(pages: Any, notes: tuple[str, ...]) -> ParsedDocument:
    """Return pages one after the other, each slide with its speaker's notes."""
    lines: list[str] = []
    starts: list[PageStart] = []
    for page in pages:
        starts.append(PageStart(line=len(lines), page=page.page_number))
        spoken = f"\n\nNotes: {page.speaker_notes}" if page.speaker_notes else ""
        lines += [*f"{page.content.rstrip()}{spoken}".split("\n"), ""]
    return ParsedDocument(text="\n".join(lines), pages=tuple(starts), notes=notes)
