"""Send documents, and wait until they are ingested."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from app.client.client import Client
from app.client.file_sending import send_file
from app.client.pending_keys import PendingKeys
from app.durations import format_duration
from app.errors import DeadlineExceeded, InvalidEvent
from topics import AUDIT, DEAD_LETTERS, DOCUMENTS
from topics.audit import AuditEvent
from topics.dead_letters import DeadLetter
from topics.documents import Document, document_key

#: More than this much data, in base64, goes to the topic of files, and the document names it.
INLINE_CHARACTERS = 350_000
#: Documents that are sent before the first is acknowledged.
_AT_ONCE = 100


async def send(client: Client, documents: Sequence[Document]) -> Sequence[Document]:
    """Send the documents, and return them when the broker has all of them."""
    async with aclosing(sending(client, documents)) as sent:
        return [document async for document in sent]


async def sending(client: Client, documents: Iterable[Document]) -> AsyncGenerator[Document]:
    """Yield each document when the broker has it; they are taken as they are sent, so that few are in memory."""
    pending: list[tuple[Document, asyncio.Future[Any]]] = []
    for document in documents:
        stored = await _stored(client, document)
        pending.append((stored, await client.send(DOCUMENTS, stored.key, stored, id=uuid4().hex)))
        if len(pending) >= _AT_ONCE or stored.data:
            for one in await _acknowledged(pending):
                yield one
    for one in await _acknowledged(pending):
        yield one


async def _acknowledged(pending: list[tuple[Document, asyncio.Future[Any]]]) -> Sequence[Document]:
    await asyncio.gather(*(future for _, future in pending))
    sent = [document for document, _ in pending]
    pending.clear()
    return sent


async def _stored(client: Client, document: Document) -> Document:
    """Return a document whose data is in a file, if there is too much of it for an event."""
    if document.data is None or len(document.data) <= INLINE_CHARACTERS:
        return document
    name = (document.source or document.id).rpartition("/")[2]
    data = b64decode(document.data)
    file = await send_file(client, data, filename=name, purpose="documents", tenant=document.tenant)
    return document.model_copy(update={"data": None, "file": file})


class Ingestion:
    """What becomes of documents that are sent: `ingested` and `failed` count them."""

    def __init__(self, each: Callable[[AuditEvent], None], fails: Callable[[str, DeadLetter], None]) -> None:
        """Call `each` with what the audit says of one, and `fails` with the id of one that is a dead letter."""
        self.sent = 0
        self.ingested = 0
        self.failed = 0
        self._each = each
        self._fails = fails
        self._places: dict[str, str] = {}
        self._pending = PendingKeys(_settled, self._arrived)

    @asynccontextmanager
    async def _following(self, client: Client) -> AsyncIterator[None]:
        async with (
            client.read(AUDIT) as audit,
            client.read(DEAD_LETTERS) as dead_letters,
            self._pending.follow(audit),
        ):
            letters = asyncio.create_task(self._take_letters(dead_letters))
            try:
                yield
            finally:
                letters.cancel()
                with suppress(asyncio.CancelledError):
                    await letters

    async def run(self, client: Client, documents: Iterable[Document], timeout: float) -> None:
        """Send documents, and return when all of them are ingested, deleted, or dead letters.

        Raises:
            DeadlineExceeded: some are not after `timeout` seconds.
        """

        def expected() -> Iterable[Document]:
            for document in documents:
                self._pending.expect(document.key)
                self._places[document.key] = document.id
                yield document

        async with self._following(client):
            async with aclosing(sending(client, expected())) as sent:
                async for _ in sent:
                    self.sent += 1
            if await self._pending.settled(timeout):
                return
            left = sorted(self._places[key] for key in self._pending.left)
            raise DeadlineExceeded(
                f"{len(left)} of {self.sent} not ingested within {format_duration(timeout)}, "
                f"among them {', '.join(left[:5])}: "
                "see meta-ai documents status, and meta-ai orchestrator status"
            )

    async def _take_letters(self, reader: Any) -> None:
        async for record in reader.coming():
            self._pending.take(record)  # what it raises, the end of the context does

    def _arrived(self, key: str, record: Any) -> None:
        if (letter := _letter(record)) is not None:
            self.failed += 1
            self._fails(self._places[key], letter)
            return
        event = _audit_event(record)
        self.ingested += 1
        self._each(event)


def _letter(record: Any) -> DeadLetter | None:
    with suppress(ValidationError):
        letter = DeadLetter.from_headers(record.headers)
        return letter if letter.topic.endswith(DOCUMENTS.name) else None
    return None


def _settled(record: Any) -> str | None:
    """Return the key of the document that a record of the audit, or a dead letter, is about."""
    if _letter(record) is not None:
        return (record.key or b"").decode(errors="replace")
    try:
        event = _audit_event(record)
    except InvalidEvent:
        return None
    if event.action not in {"document.ingested", "document.deleted"}:
        return None
    return document_key(str(event.details.get("tenant", "")), event.subject)


def _audit_event(record: Any) -> AuditEvent:
    return AUDIT.parse(record.value, max_bytes=len(record.value or b""))
