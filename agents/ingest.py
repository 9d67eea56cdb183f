"""`ingest`: splits and embeds each document once, for all workers' indexes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agents.base import Agent
from app.delivery.envelope import Outgoing, Received
from app.delivery.home import way_home
from app.delivery.request_handler import RequestHandler
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
        RetrievalError: the embedding failed.
    """
    settings, document = deps.settings.retrieval, received.event
    if moved := way_home(DOCUMENTS, document.id, received, deps.settings.topics.partitions):
        return [moved]
    prepared = await prepare_chunks(
        document, embedder=deps.embedder, words=settings.chunk_tokens, overlap=settings.chunk_overlap
    )
    return [*(_outgoing(part, received) for part in prepared), _audit(document, prepared, received)]


def _outgoing(part: DocumentChunks, received: Received[Document]) -> Outgoing:
    return Outgoing(
        CHUNKS, f"{part.document_id}/{part.part}", part, f"{received.id}/{part.version}/{part.part}", received.partition
    )


def _audit(document: Document, prepared: Sequence[DocumentChunks], received: Received[Document]) -> Outgoing:
    event = AuditEvent(
        id=f"{received.id}/ingested",
        at=datetime.now(UTC),
        actor=NAME,
        action="document.deleted" if document.deleted else "document.ingested",
        subject=document.id,
        details={"chunks": sum(len(part.chunks) for part in prepared), "collection": document.collection},
    )
    return Outgoing(AUDIT, document.id, event, event.id, received.partition)


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `documents`: those of one id in their order, and each delivery of one."""

    async def handle_with_deps(received: Received[Document]) -> Sequence[Outgoing]:
        return await handle(received, deps)

    await RequestHandler(
        deps.delivery,
        DOCUMENTS,
        handle_with_deps,
        agent=NAME,
        identify=lambda received: received.event.id,
        answers=False,
    ).run(stream)


AGENT = Agent(NAME, DOCUMENTS, run)
