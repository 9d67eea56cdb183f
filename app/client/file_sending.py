"""Put a file on its topics, in pieces that brokers take."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from uuid import uuid4

from app.client.client import Client
from app.partitioner import partition_of
from topics import FILE_PIECES, FILES
from topics.file_pieces import PIECE_BYTES, FilePiece
from topics.files import StoredFile


async def send_file(client: Client, data: bytes, *, filename: str, purpose: str, tenant: str = "") -> StoredFile:
    """Return the file when the broker has all of it."""
    file_id = f"file-{uuid4().hex}"
    home = partition_of(file_id, client.settings.topics.partitions)
    offsets = []
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = FilePiece(file_id=file_id, number=number, data=b64encode(data[start : start + PIECE_BYTES]).decode())
        sent = await (await client.send(FILE_PIECES, file_id, piece, id=f"{file_id}/{number}", partition=home))
        offsets.append(sent.offset)
    file = StoredFile(
        id=file_id,
        filename=filename[:255],
        purpose=purpose,
        bytes=len(data),
        offsets=tuple(offsets),
        tenant=tenant,
        created_at=datetime.now(UTC),
    )
    await (await client.send(FILES, file_id, file, id=f"{file_id}/created", partition=home))
    return file
