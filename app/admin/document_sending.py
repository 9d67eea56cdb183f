"""Send documents, and wait until they are ingested."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from app.client.client import Client
from app.client.pending_keys import PendingKeys
from app.durations import format_duration
from app.errors import DeadlineExceeded, InvalidEvent
from topics import AUDIT, DOCUMENTS
from topics.audit import AuditEvent
from topics.documents import Document, document_key


async def send(client: Client, documents: Sequence[Document]) -> Sequence[Document]:
    """Send the documents, and return them when the broker has all of them."""
    pending = [await client.send(DOCUMENTS, one.key, one, id=uuid4().hex) for one in documents]
    await asyncio.gather(*pending)
    return documents


async def ingest(
    client: Client, documents: Sequence[Document], timeout: float, each: Callable[[AuditEvent], None]
) -> None:
    """Send documents, and return when the audit has recorded all of them as ingested or deleted.

    Raises:
        DeadlineExceeded: some are not after `timeout` seconds.
    """
    waiting = PendingKeys(_ingested, lambda _, record: each(_audit_event(record)))
    async with client.read(AUDIT) as reader, waiting.follow(reader):
        for document in documents:
            waiting.expect(document.key)
        await send(client, documents)
        if not await waiting.settled(timeout):
            missing = ", ".join(sorted(waiting.left)[:5])
            raise DeadlineExceeded(
                f"{len(waiting.left)} of {len(documents)} not ingested within {format_duration(timeout)}, "
                f"among them {missing}: "
                "see meta-ai dead-letters list, and meta-ai orchestrator status"
            )


def _ingested(record: Any) -> str | None:
    try:
        event = _audit_event(record)
    except InvalidEvent:
        return None
    if event.action not in {"document.ingested", "document.deleted"}:
        return None
    return document_key(str(event.details.get("tenant", "")), event.subject)


def _audit_event(record: Any) -> AuditEvent:
    return AUDIT.parse(record.value, max_bytes=len(record.value or b""))
