"""Batches as their topic has them: nothing is kept here that cannot be read again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from app.client.client import Client
from app.gateway.views.sending import put
from app.gateway.views.topic_view import TopicView
from topics import BATCHES
from topics.batches import BatchEvent, BatchState

#: The statuses after which nothing more happens.
OVER = frozenset({"failed", "completed", "expired", "cancelled"})


class BatchLog(TopicView[BatchEvent]):
    """Knows all batches, as long as it is `running`."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, BATCHES, "the batches")
        self._retention = timedelta(seconds=client.settings.topics.retention)
        self._states: dict[str, BatchState] = {}
        self._cancelled: set[str] = set()
        self._seen: dict[str, int] = {}
        #: Set when there has been a batch that was not over.
        self.active = asyncio.Event()

    def get(self, batch_id: str) -> BatchState | None:
        """Return the newest state that is known."""
        return self._states.get(batch_id)

    def all(self) -> list[tuple[str, BatchState]]:
        """Return all batches, the oldest first."""
        return sorted(self._states.items(), key=lambda one: one[1].times["created"])

    def unfinished(self) -> list[str]:
        """Return the batches that are not over."""
        return [batch_id for batch_id, state in self._states.items() if state.status not in OVER]

    def is_cancelled(self, batch_id: str) -> bool:
        """Whether a batch is to be cancelled."""
        return batch_id in self._cancelled

    async def put(self, batch_id: str, state: BatchState) -> None:
        """Put a state on the topic.

        Raises:
            BrokerError: the broker does not acknowledge it.
        """
        event = BatchEvent(batch_id=batch_id, state=state)
        await put(self._client, BATCHES, batch_id, event, f"{batch_id}/{state.round}")
        self._apply(event)  # known here at once
        self._pace.stir()

    async def cancel(self, batch_id: str) -> None:
        """Say that a batch is to be cancelled.

        Raises:
            BrokerError: the broker does not acknowledge it.
        """
        event = BatchEvent(batch_id=batch_id, kind="cancel")
        await put(self._client, BATCHES, batch_id, event, f"{batch_id}/cancel")
        self._apply(event)
        self._pace.stir()

    def _take(self, event: BatchEvent, record: Any) -> None:  # noqa: ARG002  # where it lies does not matter
        seen = self._seen.get(event.batch_id, -1)
        if event.state and event.state.round > seen:
            self._seen[event.batch_id] = event.state.round
            # Of two owners of a moment, the state that is first on the topic counts, for all gateways.
            if (known := self._states.get(event.batch_id)) and known.round == event.state.round:
                self._states[event.batch_id] = event.state
        self._apply(event)

    def _apply(self, event: BatchEvent) -> None:
        if event.kind == "cancel":
            self._cancelled.add(event.batch_id)
        elif event.state:
            known = self._states.get(event.batch_id)
            if known is None or event.state.round > known.round:
                self._states[event.batch_id] = event.state
            if event.state.status not in OVER:
                self.active.set()
            self._forget(datetime.now(UTC) - self._retention)

    def _forget(self, oldest: datetime) -> None:
        while self._states and (first := next(iter(self._states.items())))[1].times["created"] < oldest:
            del self._states[first[0]]
            self._cancelled.discard(first[0])
            self._seen.pop(first[0], None)
