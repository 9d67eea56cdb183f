"""The deployed workflows on their topic, and their deployment history in the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.client.client import Client
from app.errors import ConfigurationError
from app.partitioner import partition_of
from app.suggestions import did_you_mean
from app.workflows.definition.deployment import Plain
from topics import AUDIT, DEFINITIONS
from topics.audit import AuditEvent
from topics.base import Event, Topic
from topics.definitions import DefinitionEvent

DEPLOYED = "workflow.deployed"
ACTIVATED = "workflow.activated"
ROLLED_BACK = "workflow.rolled_back"

E = TypeVar("E", bound=Event)


class NotDeployed(ConfigurationError):
    """No version of the workflow is deployed."""


@dataclass(frozen=True, slots=True)
class DeployedWorkflows:
    """Every version by id and number, and the active version of each workflow."""

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
            NotDeployed: it is not deployed.
        """
        found = {version: event for (name, version), event in self.in_order() if name == workflow}
        if not found:
            hint = did_you_mean(workflow, {name for name, _ in self.versions}, "deployed workflows:")
            raise NotDeployed(f"workflow {workflow} is not deployed; {hint}")
        return found

    def in_order(self) -> list[tuple[tuple[str, int], DefinitionEvent]]:
        """Return every version, ordered by id and number."""
        return sorted(self.versions.items(), key=lambda item: item[0])


async def read(client: Client) -> DeployedWorkflows:
    """Return what is deployed; if a version was written twice, the first content counts, as for the workers.

    Nor do they take up an event in another partition than its workflow's until it is sent there.
    """
    found = DeployedWorkflows()
    partitions = (await client.partitions())[client.full_name(DEFINITIONS)]
    async for event, partition in _records(client, DEFINITIONS):
        if partition != partition_of(event.workflow, partitions):
            continue
        if event.kind == "version":
            found.versions.setdefault((event.workflow, event.version), event)
        else:
            found.active[event.workflow] = event
    return found


async def read_audit(client: Client, workflow: str) -> list[AuditEvent]:
    """Return the deployments of the workflow that the audit still has, oldest first."""
    actions = {DEPLOYED, ACTIVATED, ROLLED_BACK}
    return [
        event async for event, _ in _records(client, AUDIT) if event.subject == workflow and event.action in actions
    ]


def previous_version(history: Sequence[AuditEvent], versions: Collection[int], active: int) -> int | None:
    """Return the version to roll back to: the one that was active when the active one was deployed.

    Rollbacks themselves do not count, so that two of them go back two versions, not back and forth. If the audit no
    longer has it, the next smaller version number is taken.
    """
    for event in reversed(history):
        before = version_number(event.details.get("before"))
        if event.action != ROLLED_BACK and version_number(event.details.get("after")) == active and before in versions:
            return before
    return max((version for version in versions if version < active), default=None)


def version_number(described: Any) -> int | None:
    """Return the version's number in an audit event's `before` or `after`."""
    return described.get("version") if isinstance(described, dict) else None


async def _records(client: Client, topic: Topic[E]) -> AsyncIterator[tuple[E, int]]:
    """Yield the events on a topic with their partitions; those of one workflow are in one, and so in order."""
    async with client.read(topic, from_beginning=True) as reader:
        async for record in reader.held():
            if event := topic.event_in(record):
                yield event, record.partition
