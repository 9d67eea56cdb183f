"""Publish a deployment: on the definitions topic and in the audit."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.admin import deployments
from app.client.client import Client
from app.errors import ConfigurationError
from app.partitioner import partition_of
from app.workflows.definition.deployment import Change, Version, activation, digest
from topics import AUDIT, DEFINITIONS
from topics.audit import AuditEvent
from topics.definitions import DefinitionEvent

#: A longer diff is truncated in the audit; the versions themselves are complete on their topic.
_DIFF = 64 * 1024


def current_user() -> str:
    """Return the default actor: the user of this process."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container, a user may have no name
        name = str(os.getuid())
    return f"meta-ai:{name}"


async def publish(client: Client, changes: Sequence[Change], actor: str, *, action: str | None = None) -> None:
    """Publish the changes, and return when the broker has them: first versions, then activations, then the audit.

    `action` is their name in the audit, if it does not follow from their kind.

    Raises:
        ConfigurationError: somebody else deployed the same version just before; theirs is kept.
    """
    changes = [change for change in changes if change.kind != "unchanged"]
    if fresh := [change for change in changes if change.kind != "activate"]:
        await _put(client, [_version(change, actor) for change in fresh])
        await _ensure_first(client, fresh)
    await _put(client, [_active(change, actor) for change in changes])
    noted = [_audit(change, actor, action) for change in changes]
    await asyncio.gather(*[await client.send(AUDIT, event.subject, event, id=event.id) for event in noted])


async def roll_back(client: Client, workflow: str, to: int | None, actor: str, *, dry_run: bool = False) -> Change:
    """Make an earlier version active again, by default the one that was active before, and return the change.

    With `dry_run`, only return it.

    Raises:
        ConfigurationError: there is no such workflow or version, or none that was active before.
    """
    deployed = await deployments.read(client)
    active, versions = deployed.numbers.get(workflow), list(deployed.of(workflow))
    change = activation(
        workflow, to or await _previous_version(client, workflow, versions, active), deployed.specs, active
    )
    if not dry_run:
        await publish(client, [change], actor, action=deployments.ROLLED_BACK)
    return change


async def _previous_version(client: Client, workflow: str, versions: Sequence[int], active: int | None) -> int:
    history = await deployments.read_audit(client, workflow)
    found = None if active is None else deployments.previous_version(history, versions, active)
    if found is None:
        raise ConfigurationError(
            f"{workflow}: no earlier version was active; choose one with --to: {', '.join(map(str, versions))}"
        )
    return found


async def _put(client: Client, events: Sequence[DefinitionEvent]) -> None:
    partitions = (await client.partitions())[client.full_name(DEFINITIONS)]
    pending = [
        await client.send(
            DEFINITIONS,
            event.key,
            event,
            id=uuid4().hex,
            partition=partition_of(event.workflow, partitions),
        )
        for event in events
    ]
    await asyncio.gather(*pending)


async def _ensure_first(client: Client, changes: Sequence[Change]) -> None:
    there = (await deployments.read(client)).versions
    firsts = [there[change.workflow, change.after.number] for change in changes]
    ours = {(change.workflow, change.after.number): change.after.digest for change in changes}
    lost = [event for event in firsts if digest(event.spec or {}) != ours[event.workflow, event.version]]
    if lost:
        # Written again, so that the compacted topic keeps their content and not ours.
        await _put(client, lost)
        names = ", ".join(f"version {event.version} of {event.workflow} (by {event.actor})" for event in lost)
        raise ConfigurationError(f"somebody else deployed at the same time: {names}; deploy again on top of it")


def _version(change: Change, actor: str) -> DefinitionEvent:
    return DefinitionEvent(
        kind="version",
        workflow=change.workflow,
        version=change.after.number,
        spec=change.spec,
        digest=change.after.digest,
        actor=actor,
        at=datetime.now(UTC),
    )


def _active(change: Change, actor: str) -> DefinitionEvent:
    return _version(change, actor).model_copy(update={"kind": "active", "spec": None})


def _audit(change: Change, actor: str, action: str | None) -> AuditEvent:
    usual = deployments.ACTIVATED if change.kind == "activate" else deployments.DEPLOYED
    diff = change.diff if len(change.diff) <= _DIFF else f"{change.diff[:_DIFF]}\n…"
    return AuditEvent(
        id=uuid4().hex,
        at=datetime.now(UTC),
        actor=actor,
        action=action or usual,
        subject=change.workflow,
        details={"before": _described(change.before), "after": _described(change.after), "diff": diff},
    )


def _described(version: Version | None) -> dict[str, Any] | None:
    return {"version": version.number, "digest": version.digest} if version else None
