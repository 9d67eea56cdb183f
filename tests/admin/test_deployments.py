from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest

from app.admin import deployments
from app.admin.deployments import DEPLOYED, ROLLED_BACK, DeployedWorkflows, previous_version
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client.client import attach
from app.errors import ConfigurationError
from app.settings import Settings, TopicSettings
from topics import AUDIT, DEFINITIONS
from topics.audit import AuditEvent
from topics.definitions import DefinitionEvent

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _step(action: str, before: int | None, after: int, *, subject: str = "w") -> AuditEvent:
    details = {"before": before and {"version": before}, "after": {"version": after}}
    return AuditEvent.model_validate(
        {"id": "x", "at": NOW, "actor": "eve", "action": action, "subject": subject, "details": details}
    )


def _version(version: int, text: str = "") -> DefinitionEvent:
    return DefinitionEvent(kind="version", workflow="w", version=version, spec={"text": text}, at=NOW)


HISTORY = [_step(DEPLOYED, None, 1), _step(DEPLOYED, 1, 2), _step(DEPLOYED, 2, 3)]


@pytest.mark.parametrize(
    ("further", "active", "expected"),
    [
        ([], 3, 2),
        ([_step(ROLLED_BACK, 3, 2)], 2, 1),
        ([_step(ROLLED_BACK, 3, 2), _step(ROLLED_BACK, 2, 1)], 1, None),
        ([_step("workflow.activated", 3, 1)], 1, 3),
        ([_step(ROLLED_BACK, 3, 1), _step(DEPLOYED, 1, 4)], 4, 1),
    ],
)
def test_that_a_roll_back_goes_to_what_was_active_before_the_deployment(
    further: list[AuditEvent], active: int, expected: int | None
) -> None:
    assert previous_version([*HISTORY, *further], [1, 2, 3, 4], active) == expected


@pytest.mark.parametrize(("active", "expected"), [(5, 3), (3, 1), (1, None)])
def test_that_without_an_audit_it_goes_to_the_next_smaller(active: int, expected: int | None) -> None:
    assert previous_version([], [1, 3, 5], active) == expected


def test_that_an_audit_which_is_not_ours_is_no_guide() -> None:
    strange = HISTORY[0].model_copy(update={"details": {"before": "1", "after": {"version": 3}}})
    assert previous_version([strange, _step(DEPLOYED, 9, 3)], [1, 2, 3], 3) == 2


def test_that_an_unknown_workflow_is_named_with_those_there_are() -> None:
    deployed = DeployedWorkflows({("b", 1): _version(1), ("a", 1): _version(1)})
    with pytest.raises(ConfigurationError, match="workflow c is not deployed; deployed workflows: a, b"):
        deployed.of("c")


async def test_that_topics_are_read_past_garbage_and_the_first_content_of_a_version_stands(
    embedded: Connection,
) -> None:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as client:
        for topic in (DEFINITIONS, AUDIT):
            await (await client.put(client.full_name(topic), b"w", b"garbage", [], 0))
            await (await client.put(client.full_name(topic), b"w", None, [], 0))
        events = [_version(1, "first"), _version(2), _version(1, "second")]
        events += [event.model_copy(update={"kind": "active", "spec": None}) for event in events[:2]]
        for event in events:
            await (await client.send(DEFINITIONS, "w", event, id="x", partition=0))
        # Workers take up nothing that is in another partition than its workflow's.
        await (await client.send(DEFINITIONS, "w", events[-2], id="x", partition=1))
        for step in (*HISTORY, _step("document.ingested", None, 1), _step(DEPLOYED, None, 1, subject="v")):
            await (await client.send(AUDIT, step.subject, step, id="x"))
        found = await deployments.read(client)
        assert {place: event.spec for place, event in found.versions.items()} == found.specs
        assert found.specs == {("w", 1): {"text": "first"}, ("w", 2): {"text": ""}}
        assert found.numbers == {"w": 2}
        assert list(found.of("w")) == [1, 2]
        assert await deployments.read_audit(client, "w") == HISTORY
