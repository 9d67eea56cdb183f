"""`file-pieces`: what is in the files."""

from __future__ import annotations

from pydantic import Field

from topics.base import Event, Topic

#: The size of a piece; in base64, and with what is around it, it is below what brokers take by default.
PIECE_BYTES = 512 * 1024


class FilePiece(Event):
    """A piece of a file, from 0 on, in base64; all but the last are of one size."""

    file_id: str
    number: int = Field(ge=0)
    data: str


FILE_PIECES = Topic(
    name="file-pieces",
    event=FilePiece,
    type="meta_ai.file_piece",
    key="file id",
    summary="What is in files, piece by piece.",
    bounded=False,
)
