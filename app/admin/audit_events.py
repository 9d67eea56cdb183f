"""The events of the audit that match a selection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from app.client import topic_ranges
from app.client.client import Client
from topics import AUDIT
from topics.audit import AuditEvent


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for; times are epoch seconds, and an action may be a group of them, such as `workflow`."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: float | None = None
    until: float | None = None

    def matches(self, event: AuditEvent) -> bool:
        """Whether an event is asked for."""
        at = event.at.timestamp()
        return (
            self.actor in {None, event.actor}
            and self.subject in {None, event.subject}
            and self.action in {None, event.action, event.action.partition(".")[0]}
            and (self.since is None or at >= self.since)
            and (self.until is None or at <= self.until)
        )


async def read(client: Client, wanted: Selection) -> AsyncIterator[AuditEvent]:
    """Yield the events that are asked for; those of one partition are in their order.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    async with aclosing(topic_ranges.iterate(client, wanted.since, AUDIT)) as records:
        async for record in records:
            if (event := AUDIT.event_in(record)) and wanted.matches(event):
                yield event
