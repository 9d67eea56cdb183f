"""What has become of all documents: which are searchable, which are on their way, and which failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from app.admin.document_state import Status
from app.client import topic_ranges
from app.client.client import Client
from app.delivery.envelope import first
from app.errors import InvalidEvent
from topics import CHUNKS, DEAD_LETTERS, DOCUMENTS
from topics.base import Failure
from topics.dead_letters import DeadLetter


class DocumentSummary(BaseModel):
    """A document as it was sent last, and what has become of it.

    `status` is that of `document_state.DocumentState`. `chunks` and `characters` are what is searchable of it, also of
    a former version; `content` tells documents with the same chunks, and is empty without any.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str
    collection: str
    source: str
    status: Status
    sent_at: AwareDatetime
    error: Failure | None = None
    embedder: str = ""
    chunks: int = 0
    characters: int = 0
    content: str = ""


@dataclass(slots=True)
class _Sent:
    """The last record of a document, without what is in it."""

    id: str
    tenant: str
    collection: str
    source: str
    deleted: bool
    cause: str
    place: tuple[int, int]
    at: float


@dataclass(slots=True)
class _Ingested:
    """The last version of a document's chunks, by the rules of `topics.chunks`."""

    version: str
    cause: str
    embedder: str
    chunks: dict[int, Sequence[str]] = field(default_factory=dict)
    characters: dict[int, int] = field(default_factory=dict)


async def read(client: Client) -> list[DocumentSummary]:
    """Return all documents that were sent and not deleted, by id and tenant; three topics are read for it.

    Raises:
        BrokerError: the topics do not exist, or the broker fails.
    """
    sent = await _sent(client)
    ingested = await _ingested(client)
    letters = await _letters(client)
    found = (_summary(one, ingested.get(key), letters.get(one.place)) for key, one in sent.items())
    shown = [one for one in found if one.status != "deleted"]
    return sorted(shown, key=lambda one: (one.id, one.tenant))


def duplicates(documents: Sequence[DocumentSummary]) -> Iterator[DocumentSummary]:
    """Yield documents that say the same as an older one that the same searches find."""
    known: set[tuple[str, str, str]] = set()
    for one in sorted(documents, key=lambda one: one.sent_at):
        name = (one.collection, one.tenant, one.content)
        if one.content and name in known:
            yield one
        known.add(name)


def count(documents: Sequence[DocumentSummary]) -> Counter[str]:
    """Return how many documents are in each status."""
    return Counter(one.status for one in documents)


async def _sent(client: Client) -> dict[str, _Sent]:
    found: dict[str, _Sent] = {}
    async with aclosing(topic_ranges.iterate(client, None, DOCUMENTS)) as records:
        async for record in records:
            with suppress(InvalidEvent):
                document = DOCUMENTS.decode(record.value, max_bytes=len(record.value or b""), key=record.key).event
                found[document.key] = _Sent(
                    document.id,
                    document.tenant,
                    document.collection,
                    document.source or document.id,
                    document.deleted,
                    first(record.headers, "ce_id") or f"{record.topic}/{record.partition}/{record.offset}",
                    (record.partition, record.offset),
                    record.timestamp / 1000,
                )
    return found


async def _ingested(client: Client) -> dict[str, _Ingested]:
    found: dict[str, _Ingested] = {}
    async with aclosing(topic_ranges.iterate(client, None, CHUNKS)) as records:
        async for record in records:
            if (part := CHUNKS.event_in(record)) is None:
                continue
            known = found.get(part.document_key)
            if part.part and (known is None or known.version != part.version):
                continue
            if known is None or part.part == 0:
                cause = first(record.headers, "ce_causationid") or ""
                known = found[part.document_key] = _Ingested(part.version, cause, part.embedder or "")
            known.chunks[part.part] = [one.chunk.id.rpartition("#")[2] for one in part.chunks]
            known.characters[part.part] = sum(len(one.chunk.text) for one in part.chunks)
    return found


async def _letters(client: Client) -> dict[tuple[int, int], Failure]:
    topic = client.full_name(DOCUMENTS)
    found: dict[tuple[int, int], Failure] = {}
    async with aclosing(topic_ranges.iterate(client, None, DEAD_LETTERS)) as records:
        async for record in records:
            if (letter := _letter(record)) and letter.topic == topic:
                found[letter.partition, letter.offset] = Failure(code=letter.reason, message=letter.error)
    return found


def _letter(record: Any) -> DeadLetter | None:
    with suppress(ValidationError):
        return DeadLetter.from_headers(record.headers)
    return None


def _summary(sent: _Sent, ingested: _Ingested | None, error: Failure | None) -> DocumentSummary:
    answered = ingested is not None and ingested.cause == sent.cause
    ids = [one for _, part in sorted(ingested.chunks.items()) for one in part] if ingested else []
    return DocumentSummary(
        id=sent.id,
        tenant=sent.tenant,
        collection=sent.collection,
        source=sent.source,
        status=_status(sent, ids, error, answered=answered),
        sent_at=datetime.fromtimestamp(sent.at, UTC),
        error=None if answered else error,
        embedder=ingested.embedder if ingested and ids else "",
        chunks=len(ids),
        characters=sum(ingested.characters.values()) if ingested else 0,
        content="/".join(ids),
    )


def _status(sent: _Sent, chunks: Sequence[str], error: Failure | None, *, answered: bool) -> Status:
    if sent.deleted and (answered or not chunks):
        return "deleted"
    if answered:
        return "searchable" if chunks else "empty"
    return "failed" if error else "pending"
