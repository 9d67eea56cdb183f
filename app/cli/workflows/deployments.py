"""The deployed workflows as they lie on their topic, and what the audit knows of how they came there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.cli.kafka.client import Client
from app.errors import ConfigurationError, InvalidEvent
from app.workflows.definition.deployment import Plain
from topics import AUDIT, DEFINITIONS
from topics.audit import AuditEvent
from topics.base import Event, Topic
from topics.definitions import DefinitionEvent

DEPLOYED = "workflow.deployed"
ACTIVATED = "workflow.activated"
ROLLED_BACK = "workflow.rolled_back"

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class DeployedWorkflows:
    """Every version by id and number, and for each workflow which one is active."""

    versions: dict[tuple[str, int], DefinitionEvent] = field(default_factory=dict)
    active: dict[str, DefinitionEvent] = field(default_factory=dict)

    @property
    def specs(self) -> Mapping[tuple[str, int], Plain]:
        """The spec of each version."""
        return {place: event.spec or {} for place, event in self.versions.items()}

    @property
    def numbers(self) -> Mapping[str, int]:
        """The active version of each workflow."""
        return {workflow: event.version for workflow, event in self.active.items()}

    def of(self, workflow: str) -> dict[int, DefinitionEvent]:
        """Return all versions of one workflow, in order.

        Raises:
            ConfigurationError: there is none.
        """
        found = {version: event for (name, version), event in self.in_order() if name == workflow}
        if not found:
            names = ", ".join(sorted({name for name, _ in self.versions})) or "none"
            raise ConfigurationError(f"no workflow called {workflow} is deployed; there are: {names}")
        return found

    def in_order(self) -> list[tuple[tuple[str, int], DefinitionEvent]]:
        """Return every version, ordered by id and number."""
        return sorted(self.versions.items(), key=lambda item: item[0])


async def read(client: Client) -> DeployedWorkflows:
    """Return what is deployed; a version that is there with two contents has its first, as for the workers."""
    found = DeployedWorkflows()
    async for event in _records(client, DEFINITIONS):
        if event.kind == "version":
            found.versions.setdefault((event.workflow, event.version), event)
        else:
            found.active[event.workflow] = event
    return found


async def read_audit(client: Client, workflow: str) -> list[AuditEvent]:
    """Return what the audit still knows of the workflow's deployments, oldest first."""
    actions = {DEPLOYED, ACTIVATED, ROLLED_BACK}
    return [event async for event in _records(client, AUDIT) if event.subject == workflow and event.action in actions]


def previous_version(history: Sequence[AuditEvent], versions: Collection[int], active: int) -> int | None:
    """Return the version to roll back to: the one that was active when the active one was deployed.

    Roll-backs themselves do not count, so that two of them go back two versions, and not back and forth. What
    the audit has forgotten is guessed by the number: the next smaller one.
    """
    for event in reversed(history):
        before = version_number(event.details.get("before"))
        if event.action != ROLLED_BACK and version_number(event.details.get("after")) == active and before in versions:
            return before
    return max((version for version in versions if version < active), default=None)


def version_number(described: Any) -> int | None:
    """Return the version's number in an audit event's `before` or `after`."""
    return described.get("version") if isinstance(described, dict) else None


async def _records(client: Client, topic: Topic[E]) -> AsyncIterator[E]:
    """Yield the events that a topic holds; all of one workflow are in one partition, and so in their order."""
    async with client.read(topic, from_beginning=True) as reader:
        async for record in reader.held():
            try:
                event = topic.parse(record.value, max_bytes=len(record.value or b""))
            except InvalidEvent:
                continue
            yield event
