"""How documents of other formats than text are read."""

from __future__ import annotations

from pydantic import Field

from app.settings.values import Seconds, Section


class ParsingSettings(Section):
    """How documents are read, in processes of their own, and when they are refused."""

    processes: int = Field(default=1, ge=1, le=16, description="documents that are read at once, in each worker")
    timeout: Seconds = Field(default=60.0, description="for one document; then its process is ended")
    memory: int = Field(default=1024 * 1024 * 1024, ge=512 * 1024 * 1024, description="bytes of each process")
    pages: int = Field(default=2000, ge=1, description="pages of a document")
    cells: int = Field(default=1_000_000, ge=1, description="cells of a document's tables")
    characters: int = Field(default=8_000_000, ge=1, description="characters of a document's text")
    max_file_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1, description="bytes of a file that is read; a larger one is refused"
    )
