"""`ingest`: splits and embeds each document once, for all workers' indexes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from agents.base import event_agent
from app.delivery.envelope import Outgoing, Received
from app.delivery.home import way_home
from app.dependencies import Dependencies
from app.retrieval.ingest import prepare_chunks
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
    """
    settings, document = deps.settings.retrieval, received.event
    if moved := way_home(DOCUMENTS, document.key, received, deps.settings.topics.partitions):
        return [moved]
    if document.tenant and received.key != document.key.encode():  # or compaction would keep one tenant's of an id
        return [Outgoing(DOCUMENTS, document.key, document, received.id, received.partition, value=received.value)]
    if not document.deleted:
        deps.residency.check_documents(document.tenant)
    prepared = await prepare_chunks(
        document, embedder=deps.embedder, words=settings.chunk_tokens, overlap=settings.chunk_overlap
    )
    return [*(_outgoing(part, received) for part in prepared), _audit(document, prepared, received)]


def _outgoing(part: DocumentChunks, received: Received[Document]) -> Outgoing:
    return Outgoing(
        CHUNKS,
        f"{part.document_key}/{part.part}",
        part,
        f"{received.id}/{part.version}/{part.part}",
        received.partition,
    )


def _audit(document: Document, prepared: Sequence[DocumentChunks], received: Received[Document]) -> Outgoing:
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
        },
    )
    return Outgoing(AUDIT, document.id, event, event.id, received.partition)


#: The events of one document are handled in their order.
AGENT = event_agent(NAME, DOCUMENTS, handle, identify=lambda received: received.event.key)
