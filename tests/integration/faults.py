"""What can be broken on purpose inside a worker process of a test, by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

from faust.transport.consumer import Consumer as FaustConsumer

import app.worker
from app.bootstrap import Components
from app.delivery import consumer
from app.delivery.core import Delivered, Delivery
from app.errors import RetrievalError
from topics.retrieval_results import Chunk


class BareConsumer(consumer.Consumer):
    """Commits what Faust holds for acknowledged, instead of what the ledgers say."""

    _add_gap = FaustConsumer._add_gap
    force_commit = FaustConsumer.force_commit


class EagerDelivery(Delivery):
    """Acknowledges at take-in, as a bare Faust agent does that goes on in the background."""

    async def messages(self, stream: Any) -> AsyncIterator[Delivered]:
        """Yield each message, acknowledged already."""
        async for event in stream.noack().events():
            tenure = self.tenures.get(event.message.partition)
            if tenure is not None and tenure.ledgers[event.message.topic].begin(event.message.offset):
                event.ack()
                yield Delivered(event.message, tenure)


def bare_acks(parts: Components) -> Components:
    """Deliver as the bare framework does."""
    app.worker.Delivery = EagerDelivery  # type: ignore[attr-defined]  # this process exists to be broken
    consumer.Transport.Consumer = BareConsumer
    return parts


async def _fail(query: str, **_options: Any) -> list[Chunk]:
    raise RetrievalError(f"no index to search for {query!r}")


def failing_store(parts: Components) -> Components:
    """Have every search fail."""
    cast("Any", parts.store).search = _fail
    return parts


ALL: Mapping[str, Callable[[Components], Components]] = {"bare_acks": bare_acks, "failing_store": failing_store}
