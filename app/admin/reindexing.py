"""Make the index of a remote store anew from the topic `chunks`, while the old one is searched and written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from app.brokers.reachability import check_reachable
from app.client.client import Client
from app.client.reader import Reader
from app.partitioner import partition_of
from app.retrieval.base import Rebuild, RemoteStore, revision
from topics import CHUNKS
from topics.chunks import DocumentChunks

#: Documents whose parts are written at once.
_AT_ONCE = 16
#: Records that are read before they are written.
_BATCH = 64

Places = Mapping[Any, int]


async def reindex(
    client: Client, store: RemoteStore, applied: Callable[[int], None], admits: Callable[[str], bool]
) -> str:
    """Fill a new index of `store`, switch to it, remove the old one, and return the name of the new one.

    `applied` is told how many parts were written; documents of tenants that it `admits` not are left out. What workers
    write meanwhile goes to the index that is live at that moment: so the topic is read on until nothing has come of the
    documents that were written last.

    Raises:
        OrchestratorError: the broker, the store or the embedder failed; before the switch, the new index is removed.
    """
    rebuild = await store.rebuild()
    copying = _Copy(client, rebuild, applied, admits)
    try:
        while await copying.catch_up():
            pass
        await rebuild.switch()
    except BaseException:
        await asyncio.shield(rebuild.abandon())
        raise
    while True:
        before = copying.written
        await copying.catch_up()
        if not before & copying.written:
            break
    await rebuild.finish()
    return rebuild.name


async def revisions(client: Client) -> dict[str, str]:
    """Return the revision of each document that can be found, by the document's key.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    partitions = (await client.partitions())[client.full_name(CHUNKS)]
    found: dict[str, str] = {}
    async with client.read(CHUNKS, from_beginning=True) as reader:
        async for record in reader.held():
            part = _at_home(record, partitions)
            if part and part.part == 0:
                found[part.document_key] = revision(part) if part.chunks else ""
    return {key: current for key, current in found.items() if current}


class _Copy:
    """Writes the topic to a new index, further at each call of `catch_up`; `written` are the keys of the last one."""

    def __init__(
        self, client: Client, rebuild: Rebuild, applied: Callable[[int], None], admits: Callable[[str], bool]
    ) -> None:
        self.written: set[str] = set()
        self._client = client
        self._rebuild = rebuild
        self._applied = applied
        self._admits = admits
        self._read: dict[Any, int] = {}

    async def catch_up(self) -> int:
        """Write what the topic holds beyond what was written before, and return how many records that were."""
        self.written = set()
        ranges = await self._client.bounds([CHUNKS])
        starts = {place: self._read.get(place, span.begin) for place, span in ranges.items()}
        ends = {place: span.end for place, span in ranges.items()}
        count = 0
        if any(starts[place] < ends[place] for place in ends):
            batch: list[DocumentChunks] = []
            async for record in self._records(starts, ends):
                count += 1
                if (part := _at_home(record, len(ranges))) and self._admits(part.tenant):
                    batch.append(part)
                if len(batch) >= _BATCH:
                    await self._write(batch)
                    batch = []
            await self._write(batch)
        self._read = ends
        return count

    async def _records(self, starts: Places, ends: Places) -> AsyncIterator[Any]:
        async with self._client.consumer() as consumer:
            consumer.assign(list(starts))
            for place, start in starts.items():
                consumer.seek(place, start)
            reader = Reader(consumer, starts, ends, partial(check_reachable, self._client.connection))
            async for record in reader.held():
                yield record

    async def _write(self, parts: list[DocumentChunks]) -> None:
        documents: dict[str, list[DocumentChunks]] = {}
        for part in parts:
            documents.setdefault(part.document_key, []).append(part)
        places = asyncio.Semaphore(_AT_ONCE)

        async def write(of_one: list[DocumentChunks]) -> None:
            async with places:
                for part in of_one:  # in their order
                    await self._rebuild.apply(part)

        await asyncio.gather(*map(write, documents.values()))
        self.written |= documents.keys()
        self._applied(len(parts))


def _at_home(record: Any, partitions: int) -> DocumentChunks | None:
    """Return the part in a record, if it is in its document's own partition, where all are that have an order."""
    part = CHUNKS.event_in(record)
    return part if part and partition_of(part.document_key, partitions) == record.partition else None
