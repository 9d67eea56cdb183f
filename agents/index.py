"""`index`: writes the chunks of documents to the stores that all workers share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents.base import event_agent
from app.delivery.envelope import Outgoing, Received
from app.dependencies import Dependencies
from app.partitioner import partition_of
from topics import CHUNKS
from topics.chunks import DocumentChunks

NAME = "index"


async def handle(received: Received[DocumentChunks], deps: Dependencies) -> Sequence[Outgoing]:
    """Apply a part to every remote store that the document's tenant may reach; return no events.

    What one store has written it is given again after the failure of another, and that changes nothing.

    Raises:
        InvalidEvent: an embedding is malformed.
        RetrievalError: a store has not written all of it.
    """
    part = received.event
    if received.partition != partition_of(part.document_key, deps.settings.topics.partitions):
        return ()  # of an earlier release, which left chunks in any partition: their order is not known
    allowed = deps.residency.stores(part.tenant)
    stores = [store for name, store in deps.stores.remote.items() if name in allowed]
    results = await asyncio.gather(*(store.apply(part) for store in stores), return_exceptions=True)
    for failure in results:  # when all have ended: the next try must not overtake this one
        if failure is not None:
            raise failure
    return ()


#: The parts of one document are applied in their order.
AGENT = event_agent(NAME, CHUNKS, handle, identify=lambda received: received.event.document_key)
