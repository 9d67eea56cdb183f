"""What has become of one document: whether it is searchable, and in which chunks."""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ValidationError

from app.client import topic_ranges
from app.client.client import Client
from app.delivery.envelope import first
from app.errors import InvalidEvent
from app.partitioner import partition_of
from topics import CHUNKS, DEAD_LETTERS, DOCUMENTS
from topics.base import Event, Failure
from topics.chunks import DocumentChunks
from topics.dead_letters import DeadLetter
from topics.documents import Document, document_key
from topics.retrieval_results import Chunk

E = TypeVar("E", bound=Event)
Status = Literal["pending", "searchable", "empty", "failed", "deleted"]


class ChunkPlace(BaseModel):
    """A chunk by its place: `lines` are its first and last line in the source, counted from 1."""

    id: str
    heading: str
    lines: tuple[int, int]


class DocumentState(BaseModel):
    """A document as it was sent last, and what has become of it.

    `status` is `pending` until it is cut and embedded, then `searchable`, or `empty` without visible text; `failed`
    with the `error` of its dead letter; or `deleted`. `chunks` are what is searchable now, also of its former version.
    `tenant` is whose it is, empty if all share it; `allowed_roles` are those that may find it, if not all may.
    """

    id: str
    status: Status
    collection: str
    sent_at: AwareDatetime | None = None
    ingested_at: AwareDatetime | None = None
    error: Failure | None = None
    chunks: tuple[ChunkPlace, ...] = ()
    tenant: str = ""
    allowed_roles: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Sent:
    """The last record of a document: `id` is what its chunks name as their cause."""

    id: str
    document: Document
    offset: int
    at: float


@dataclass(slots=True)
class _Ingested:
    """The chunks of a document's last version, by part."""

    version: str = ""
    cause: str = ""
    collection: str = ""
    at: float = 0.0
    allowed_roles: tuple[str, ...] | None = None
    parts: dict[int, tuple[Chunk, ...]] = field(default_factory=dict)


async def read(client: Client, document_id: str, tenant: str = "") -> DocumentState | None:
    """Return the state of a tenant's document, or None if no topic has it.

    Three partitions are read for it, those of the document's key.

    Raises:
        BrokerError: the topics do not exist, or the broker fails.
    """
    key = document_key(tenant, document_id)
    home = partition_of(key, client.settings.topics.partitions)
    sent = await _last_sent(client, key, home)
    ingested = await _ingested(client, key, home)
    if sent is None and ingested is None:
        return None
    answered = sent is None or (ingested is not None and ingested.cause == sent.id)
    error = await _error(client, home, sent.offset) if sent and not answered else None
    found = ingested or _Ingested()
    return DocumentState(
        id=document_id,
        status=_status(sent, found, error, answered=answered),
        collection=sent.document.collection if sent else found.collection,
        sent_at=datetime.fromtimestamp(sent.at, UTC) if sent else None,
        ingested_at=datetime.fromtimestamp(found.at, UTC) if found.at else None,
        error=error,
        chunks=tuple(
            ChunkPlace(id=one.id, heading=one.heading, lines=one.lines)
            for _, chunks in sorted(found.parts.items())
            for one in chunks
        ),
        tenant=tenant,
        allowed_roles=sent.document.allowed_roles if sent else found.allowed_roles,
    )


async def last_sent(client: Client, document_id: str, tenant: str = "") -> Document | None:
    """Return a tenant's document as it was sent last, or None if no topic has it, or it is deleted.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    key = document_key(tenant, document_id)
    sent = await _last_sent(client, key, partition_of(key, client.settings.topics.partitions))
    return None if sent is None or sent.document.deleted else sent.document


def _status(sent: _Sent | None, found: _Ingested, error: Failure | None, *, answered: bool) -> Status:
    if error:
        return "failed"
    if not answered:
        return "pending"
    if any(found.parts.values()):
        return "searchable"
    return "empty" if sent and not sent.document.deleted else "deleted"


async def _last_sent(client: Client, document: str, home: int) -> _Sent | None:
    found: _Sent | None = None
    key = document.encode()
    async with aclosing(topic_ranges.iterate_partition(client, DOCUMENTS, home)) as records:
        async for record in records:
            if record.key != key:
                continue
            with suppress(InvalidEvent):
                sent = DOCUMENTS.decode(record.value, max_bytes=len(record.value or b""), key=record.key).event
                own = first(record.headers, "ce_id") or f"{record.topic}/{record.partition}/{record.offset}"
                found = _Sent(own, sent, record.offset, record.timestamp / 1000)
    return found


async def _ingested(client: Client, document: str, home: int) -> _Ingested | None:
    """Return what an index holds of a document, by the rules of `topics.chunks`."""
    found: _Ingested | None = None
    begin = f"{document}/".encode()
    async with aclosing(topic_ranges.iterate_partition(client, CHUNKS, home)) as records:
        async for record in records:
            if not (record.key or b"").startswith(begin) or (part := CHUNKS.event_in(record)) is None:
                continue
            if part.document_key == document:
                found = _after(found, part, record)
    return found


def _after(known: _Ingested | None, part: DocumentChunks, record: Any) -> _Ingested | None:
    if part.part and (known is None or known.version != part.version):
        return known
    if known is None or part.part == 0:
        known = _Ingested(part.version, first(record.headers, "ce_causationid") or "", part.collection)
        known.allowed_roles = part.allowed_roles
    known.at = record.timestamp / 1000
    known.parts[part.part] = tuple(one.chunk for one in part.chunks)
    return known


async def _error(client: Client, home: int, offset: int) -> Failure | None:
    """Return why the document at this offset is a dead letter, if it is one; that lies in the same partition."""
    topic = client.full_name(DOCUMENTS)
    found: Failure | None = None
    async with aclosing(topic_ranges.iterate_partition(client, DEAD_LETTERS, home)) as records:
        async for record in records:
            with suppress(ValidationError):
                letter = DeadLetter.from_headers(record.headers)
                if (letter.topic, letter.partition, letter.offset) == (topic, home, offset):
                    found = Failure(code=letter.reason, message=letter.error)
    return found
