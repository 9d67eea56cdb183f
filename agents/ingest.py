"""`ingest`: reads, splits and embeds each document once, for all workers' indexes."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agents.base import event_agent
from app.delivery.envelope import Outgoing, Received
from app.delivery.home import way_home
from app.delivery.kafka.file_reader import FileLost
from app.dependencies import Dependencies
from app.errors import UnreadableDocument
from app.retrieval.ingest import prepare_chunks
from app.retrieval.parsing.formats import media_type_of, reading_of
from app.retrieval.parsing.parsed import ParsedDocument
from app.vectors import Vector
from topics import AUDIT, CHUNKS, DOCUMENTS
from topics.audit import AuditEvent
from topics.chunks import DocumentChunks
from topics.documents import Document

NAME = "ingest"


async def handle(received: Received[Document], deps: Dependencies) -> Sequence[Outgoing]:
    """Return the document's chunks, part by part, and an audit event.

    Raises:
        ResidencyError: the document's tenant is bound to other regions than those of the embedder and the store.
        RetrievalError: the embedding failed.
        UnreadableDocument: its data cannot be read, or goes beyond a limit.
    """
    settings, document = deps.settings.retrieval, received.event
    if moved := way_home(DOCUMENTS, document.key, received, deps.settings.topics.partitions):
        return [moved]
    if document.tenant and received.key != document.key.encode():  # or compaction would keep one tenant's of an id
        return [Outgoing(DOCUMENTS, document.key, document, received.id, received.partition, value=received.value)]
    if not document.deleted:
        deps.residency.check_documents(document.tenant)
    parsed = None if document.deleted else await _parsed(document, deps)
    prepared = await prepare_chunks(
        document,
        parsed,
        embedder=deps.embedder,
        words=settings.chunk_tokens,
        overlap=settings.chunk_overlap,
        known=_known(document, deps),
    )
    return [*(_outgoing(part, received) for part in prepared), _audit(document, parsed, prepared, received)]


async def _parsed(document: Document, deps: Dependencies) -> ParsedDocument | None:
    """Return what was read of a document, in another process unless it is text already; None if its format says all."""
    media_type = document.content_type
    if media_type is None:
        if document.data is None and document.file is None:
            return None
        name = document.file.filename if document.file else ""
        media_type = media_type_of(document.source or "") or media_type_of(document.id) or media_type_of(name)
    if media_type is None:
        raise UnreadableDocument("content_type: must say of what format `data` is, as in application/pdf")
    reading = reading_of(media_type)
    if document.data is None and document.file is None and reading in {"markdown", "text", "code"}:
        return ParsedDocument(text=document.text, format=reading)
    return await deps.parser.parse(await _data(document, deps), media_type)


async def _data(document: Document, deps: Dependencies) -> bytes:
    most = deps.settings.retrieval.parsing.max_file_bytes
    if document.file is None:
        try:
            return b64decode(document.data, validate=True) if document.data is not None else document.text.encode()
        except ValueError:
            raise UnreadableDocument("data: must be base64") from None
    if document.file.bytes > most:
        text = f"the file has {document.file.bytes} bytes, and retrieval.parsing.max_file_bytes is {most}"
        raise UnreadableDocument(text)
    try:
        return await deps.files.read_all(document.file)
    except FileLost:
        raise UnreadableDocument("the file is older than topics.retention: add the document again") from None


def _known(document: Document, deps: Dependencies) -> Mapping[str, Vector]:
    """Return the vectors of the document's former version, as far as this worker's stores know them."""
    for store in deps.stores.local.values():
        if vectors_of := getattr(store, "vectors_of", None):
            known: Mapping[str, Vector] = vectors_of(document.key)
            return known
    return {}


def _outgoing(part: DocumentChunks, received: Received[Document]) -> Outgoing:
    return Outgoing(
        CHUNKS,
        f"{part.document_key}/{part.part}",
        part,
        f"{received.id}/{part.version}/{part.part}",
        received.partition,
    )


def _audit(
    document: Document, parsed: ParsedDocument | None, prepared: Sequence[DocumentChunks], received: Received[Document]
) -> Outgoing:
    event = AuditEvent(
        id=f"{received.id}/ingested",
        at=datetime.now(UTC),
        actor=document.actor or NAME,
        action="document.deleted" if document.deleted else "document.ingested",
        subject=document.id,
        details={
            "chunks": sum(len(part.chunks) for part in prepared),
            "collection": document.collection,
            **({"tenant": document.tenant} if document.tenant else {}),
            **_losses(parsed),
        },
    )
    return Outgoing(AUDIT, document.id, event, event.id, received.partition)


def _losses(parsed: ParsedDocument | None) -> Mapping[str, Any]:
    """Return what is to be said of a document that was not read as it is."""
    lost = {"lost_characters": parsed.lost} if parsed and parsed.lost else {}
    return {**lost, **({"notes": list(parsed.notes)} if parsed and parsed.notes else {})}


#: The events of one document are handled in their order.
AGENT = event_agent(NAME, DOCUMENTS, handle, identify=lambda received: received.event.key)
