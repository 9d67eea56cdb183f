"""The files of documents whose data is too much for an event: in pieces, on the topic of files."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from app.delivery.envelope import Outgoing, Received
from app.delivery.outbox import Outbox
from app.partitioner import partition_of
from topics import FILE_PIECES, FILES
from topics.documents import Document
from topics.file_pieces import PIECE_BYTES, FilePiece
from topics.files import StoredFile


async def store_file(
    outbox: Outbox, document: Document, sync: str, partitions: int, cause: Received[Any]
) -> StoredFile:
    """Return the file with a document's data when the broker has all of it; its id is the same in the same sync."""
    data = b64decode(document.data or "")
    name = blake2b(f"{sync}/{document.key}/".encode() + data, digest_size=16).hexdigest()
    file_id = f"file-{name}"
    home = partition_of(file_id, partitions)
    offsets = []
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = FilePiece(file_id=file_id, number=number, data=b64encode(data[start : start + PIECE_BYTES]).decode())
        offsets.append(await outbox.append(Outgoing(FILE_PIECES, file_id, piece, f"{file_id}/{number}", home), cause))
    file = StoredFile(
        id=file_id,
        filename=(document.source or document.id).rpartition("/")[2][:255],
        purpose="documents",
        bytes=len(data),
        offsets=tuple(offsets),
        tenant=document.tenant,
        created_at=datetime.now(UTC),
    )
    await outbox.publish([Outgoing(FILES, file_id, file, f"{file_id}/created", home)], cause)
    return file
