"""What can be broken on purpose inside a worker process of a test, by name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

from faust.transport.conductor import Conductor as FaustConductor
from faust.transport.consumer import Consumer as FaustConsumer

import app.worker.worker
from app.delivery.core import Delivered, Delivery
from app.delivery.envelope import Received
from app.delivery.kafka import consumer
from app.errors import RetrievalError
from app.worker.components import Components
from app.worker.run_state_machine import RunStateMachine
from topics.retrieval_results import Chunk
from topics.tasks import Task


class BareConsumer(consumer.Consumer):
    """Commits what Faust holds for acknowledged, instead of what the offset trackers say."""

    _add_gap = FaustConsumer._add_gap
    force_commit = FaustConsumer.force_commit


class EagerDelivery(Delivery):
    """Acknowledges at take-in, as a bare Faust agent does that goes on in the background."""

    async def messages(self, stream: Any) -> AsyncIterator[Delivered]:
        """Yield each message, acknowledged already."""
        async for event in stream.noack().events():
            assignment = self.assignments.get(event.message.partition)
            if assignment is not None and assignment.offset_trackers[event.message.topic].begin(event.message.offset):
                event.ack()
                yield Delivered(event.message, assignment)


def bare_acks(parts: Components) -> Components:
    """Deliver as the bare framework does."""
    app.worker.worker.Delivery = EagerDelivery  # type: ignore[attr-defined]  # this process exists to be broken
    consumer.Transport.Consumer = BareConsumer
    consumer.Transport.Conductor = FaustConductor
    return parts


class SlowConsumer(consumer.Consumer):
    """Takes its time between a new assignment and the flow of its events, as a busy machine does.

    The fetch that waits while the rebalance passes waits for long, so that there always is one.
    """

    def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """Fetch, and wait longer for it."""
        waiting: AsyncIterator[Any] = super().getmany(5 * timeout)
        return waiting

    async def perform_seek(self) -> None:
        """Seek, but not at once."""
        await asyncio.sleep(0.9)
        await super().perform_seek()


def slow_rebalances(parts: Components) -> Components:
    """Have each rebalance take a second."""
    consumer.Transport.Consumer = SlowConsumer
    return parts


async def _fail(query: str, **_options: Any) -> list[Chunk]:
    raise RetrievalError(f"no index to search for {query!r}")


def failing_store(parts: Components) -> Components:
    """Have every search fail."""
    cast("Any", parts.stores.default).search = _fail
    return parts


def deadly_retrieval(parts: Components) -> Components:
    """Have the search for one question end the process, as a fault in native code would."""
    search = parts.stores.default.search

    async def deadly(query: str, **options: Any) -> list[Chunk]:
        if query == "deadly":
            os._exit(7)
        found: list[Chunk] = list(await search(query, **options))
        return found

    cast("Any", parts.stores.default).search = deadly
    return parts


def deadly_decision(parts: Components) -> Components:
    """Have the decision on one task end the process."""
    decide = RunStateMachine.decide

    def deadly(self: RunStateMachine, value: Any, received: Received[Any], now: float) -> Any:
        if isinstance(received.event, Task) and received.event.id == "deadly":
            os._exit(7)
        return decide(self, value, received, now)

    RunStateMachine.decide = deadly  # type: ignore[method-assign]  # this process exists to be broken
    return parts


ALL: Mapping[str, Callable[[Components], Components]] = {
    "bare_acks": bare_acks,
    "slow_rebalances": slow_rebalances,
    "failing_store": failing_store,
    "deadly_retrieval": deadly_retrieval,
    "deadly_decision": deadly_decision,
}
