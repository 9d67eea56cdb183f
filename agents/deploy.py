"""`deploy`: keeps all events of a workflow in one partition, whose order every worker takes up in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.base import Agent
from app.delivery.envelope import Outgoing, Received
from app.delivery.home import way_home
from app.delivery.request_handler import RequestHandler
from app.dependencies import Dependencies
from topics import DEFINITIONS
from topics.definitions import DefinitionEvent

NAME = "deploy"


async def handle(received: Received[DefinitionEvent], deps: Dependencies) -> Sequence[Outgoing]:
    """Return the event for the partition of its workflow, if it is elsewhere: workers take up what is there."""
    event, partitions = received.event, deps.settings.topics.partitions
    moved = way_home(DEFINITIONS, event.key, received, partitions, owner=event.workflow)
    return [moved] if moved else []


async def run(stream: Any, deps: Dependencies) -> None:
    """Process `definitions`: those of one workflow in their order."""

    async def handle_with_deps(received: Received[DefinitionEvent]) -> Sequence[Outgoing]:
        return await handle(received, deps)

    await RequestHandler(
        deps.delivery,
        DEFINITIONS,
        handle_with_deps,
        agent=NAME,
        identify=lambda received: received.event.workflow,
        answers=False,
    ).run(stream)


AGENT = Agent(NAME, DEFINITIONS, run)
