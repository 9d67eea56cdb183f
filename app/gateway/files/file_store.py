"""Files on topics: written piece by piece, and read back in order by any gateway."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from app.client.client import Client
from app.delivery.kafka.file_reader import FileReader
from app.gateway.views.sending import put
from app.gateway.views.topic_view import TopicView
from topics import FILE_PIECES, FILES
from topics.file_pieces import PIECE_BYTES, FilePiece
from topics.files import StoredFile


class FileStore(TopicView[StoredFile]):
    """Knows all files, as long as it is `running`."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, FILES, "the files")
        self._settings = client.settings
        self._files: dict[str, StoredFile] = {}
        self._reader = FileReader(client.connection.options, client.settings.topics)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the topic, which must exist, while the context lasts."""
        async with super().running():
            try:
                yield
            finally:
                await self._reader.close()

    async def find(self, file_id: str) -> StoredFile | None:
        """Return a file, even if another gateway has made it a moment ago.

        Raises:
            BrokerError: the broker does not say in time.
        """
        if file_id not in self._files:
            await self.read_all()
        found = self._files.get(file_id)
        return None if found is None or found.deleted else found

    def all(self) -> list[StoredFile]:
        """Return all files, the oldest first."""
        return sorted((file for file in self._files.values() if not file.deleted), key=lambda file: file.created_at)

    def write(self, tenant: str = "") -> FileWriter:
        """Return what writes a new file."""
        return FileWriter(self, tenant)

    async def delete(self, file: StoredFile) -> None:
        """Forget a file; its pieces stay on their topic for the topic's retention.

        Raises:
            BrokerError: the broker does not acknowledge it.
        """
        await self.put(file.model_copy(update={"deleted": True, "offsets": ()}))

    async def put(self, file: StoredFile) -> None:
        """Put what is known of a file on its topic."""
        suffix = "deleted" if file.deleted else "created"
        await put(self._client, FILES, file.id, file, f"{file.id}/{suffix}")
        self._files[file.id] = file  # known here at once
        self._pace.stir()

    async def put_piece(self, piece: FilePiece) -> int:
        """Put a piece on its topic, and return its offset."""
        return await put(self._client, FILE_PIECES, piece.file_id, piece, f"{piece.file_id}/{piece.number}")

    async def read(self, file: StoredFile, start: int = 0) -> AsyncGenerator[bytes]:
        """Yield what is in a file, from the byte `start` on.

        Raises:
            FileLost: the broker does not have all of it any more.
            BrokerError: the broker does not return it.
        """
        async for data in self._reader.read(file, start):
            yield data

    def _take(self, event: StoredFile, record: Any) -> None:  # noqa: ARG002  # where it lies does not matter
        if event.deleted or event.id not in self._files:
            self._files[event.id] = event
        oldest = datetime.now(UTC) - timedelta(seconds=self._settings.topics.retention)
        while self._files and (first := next(iter(self._files.values()))).created_at < oldest:
            del self._files[first.id]


class FileWriter:
    """Writes one file, which is there when it is finished."""

    def __init__(self, store: FileStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        self._id = f"file-{uuid4().hex}"
        self._buffer = bytearray()
        self._offsets: list[int] = []
        self.size = 0

    async def add(self, data: bytes) -> None:
        """Add to the file; what makes a piece is sent.

        Raises:
            BrokerError: the broker does not acknowledge it.
        """
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) >= PIECE_BYTES:
            await self._send(bytes(self._buffer[:PIECE_BYTES]))
            del self._buffer[:PIECE_BYTES]

    async def finish(self, filename: str, purpose: str) -> StoredFile:
        """Return the file when the broker has all of it."""
        if self._buffer:
            await self._send(bytes(self._buffer))
        file = StoredFile(
            id=self._id,
            filename=filename,
            purpose=purpose,
            bytes=self.size,
            offsets=tuple(self._offsets),
            tenant=self._tenant,
            created_at=datetime.now(UTC),
        )
        await self._store.put(file)
        return file

    async def _send(self, data: bytes) -> None:
        piece = FilePiece(file_id=self._id, number=len(self._offsets), data=b64encode(data).decode())
        self._offsets.append(await self._store.put_piece(piece))
