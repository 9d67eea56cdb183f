"""`deploy`: keeps all events of a workflow in one partition, whose order every worker takes up in the same way."""

from __future__ import annotations

from collections.abc import Sequence

from agents.base import event_agent
from app.delivery.envelope import Outgoing, Received
from app.delivery.home import way_home
from app.dependencies import Dependencies
from topics import DEFINITIONS
from topics.definitions import DefinitionEvent

NAME = "deploy"


async def handle(received: Received[DefinitionEvent], deps: Dependencies) -> Sequence[Outgoing]:
    """Return the event for the partition of its workflow, if it is elsewhere: workers take up what is there."""
    event, partitions = received.event, deps.settings.topics.partitions
    moved = way_home(DEFINITIONS, event.key, received, partitions, owner=event.workflow)
    return [moved] if moved else []


#: The events of one workflow are handled in their order.
AGENT = event_agent(NAME, DEFINITIONS, handle, identify=lambda received: received.event.workflow)
