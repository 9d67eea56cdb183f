"""The documents that can be found: what the topic `chunks` holds, without its vectors."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.client import topic_ranges
from app.client.client import Client
from app.partitioner import partition_of
from topics import CHUNKS
from topics.chunks import DocumentChunks
from topics.documents import document_key


class ListedDocument(BaseModel):
    """A document as its chunks show it: `title` is its first heading, empty without one.

    `tenant` is whose it is, empty if all share it; `allowed_roles` are those that may find it, if not all may.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    source: str
    collection: str
    chunks: int
    ingested_at: datetime
    tenant: str = ""
    allowed_roles: tuple[str, ...] | None = None


async def read(client: Client) -> list[ListedDocument]:
    """Return the documents, by id and tenant.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    found = FoundDocuments()
    async with aclosing(topic_ranges.iterate(client, None, CHUNKS)) as records:
        async for record in records:
            found.add(record)
    return found.documents((await client.partitions())[client.full_name(CHUNKS)])


@dataclass(frozen=True, slots=True)
class _State:
    """A document by the records of one partition so far, with the chunks of each part; without parts, it is gone."""

    at: int
    version: str = ""
    collection: str = ""
    title: str = ""
    source: str = ""
    allowed_roles: tuple[str, ...] | None = None
    chunks: Mapping[int, int] = field(default_factory=dict)


class FoundDocuments:
    """Follows the rules of `topics.chunks`, as an index does, for each partition of the topic."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], dict[int, _State]] = {}

    def add(self, record: Any) -> None:
        """Add the next record of a partition; those that no index can read are left out."""
        if (part := CHUNKS.event_in(record)) is None:
            return
        states = self._states.setdefault((part.document_id, part.tenant), {})
        states[record.partition] = _after(states.get(record.partition), part, record.timestamp)

    def documents(self, partitions: int) -> list[ListedDocument]:
        """Return the documents that are not gone, by id and tenant, from a topic with so many partitions."""
        current = [
            (*name, _current(document_key(*name[::-1]), states, partitions)) for name, states in self._states.items()
        ]
        return [_listed(*one) for one in sorted(current, key=lambda one: one[:2]) if one[2].chunks]


def _after(known: _State | None, part: DocumentChunks, at: int) -> _State:
    count = len(part.chunks)
    same = known and known.chunks and (known.version, known.collection) == (part.version, part.collection)
    if known and same and (part.part or count == known.chunks[0]):
        return replace(known, chunks={**known.chunks, part.part: count}, at=at)
    if part.part == 0 and count:
        first = part.chunks[0].chunk
        title = first.heading.split(" > ")[0]
        return _State(at, part.version, part.collection, title, first.source, part.allowed_roles, {0: count})
    return _State(at) if part.part == 0 or not known else known


def _current(key: str, states: Mapping[int, _State], partitions: int) -> _State:
    """Return what counts: a document's own partition, or, if it is not there, the latest of others."""
    home = states.get(partition_of(key, partitions))
    return home or max(states.values(), key=lambda state: state.at)


def _listed(document_id: str, tenant: str, state: _State) -> ListedDocument:
    return ListedDocument(
        id=document_id,
        title=state.title,
        source=state.source,
        collection=state.collection,
        chunks=sum(state.chunks.values()),
        ingested_at=datetime.fromtimestamp(state.at / 1000, UTC),
        tenant=tenant,
        allowed_roles=state.allowed_roles,
    )
