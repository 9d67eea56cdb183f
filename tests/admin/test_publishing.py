from __future__ import annotations

import getpass
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.admin import deployments, publishing
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client.client import Client, attach
from app.errors import ConfigurationError
from app.partitioner import partition_of
from app.settings import Settings, TopicSettings
from app.workflows.definition.deployment import Change, activation, plan
from app.workflows.definition.spec import Workflow
from topics import AUDIT, DEFINITIONS


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=4))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


def _spec(prompt: str, name: str = "w") -> Workflow:
    steps = {"say": {"kind": "ask", "models": ["m"], "prompt": prompt}}
    return Workflow.model_validate({"id": name, "steps": steps})


async def _plan(client: Client, *specs: Workflow) -> list[Change]:
    deployed = await deployments.read(client)
    return plan(specs, deployed.specs, deployed.numbers)


async def _records(client: Client, topic: Any) -> list[Any]:
    async with client.read(topic, from_beginning=True) as reader:
        return [record async for record in reader.held()]


async def test_that_versions_come_before_what_is_active_in_the_workflows_partition(client: Client) -> None:
    await publishing.publish(client, await _plan(client, _spec("a"), _spec("a", "other")), "eve")
    records = [record for record in await _records(client, DEFINITIONS) if record.key.startswith(b"w")]
    assert [record.key for record in records] == [b"w/1", b"w"]
    assert {record.partition for record in records} == {partition_of("w", 4)}
    version, active = (DEFINITIONS.parse(record.value, max_bytes=10**6) for record in records)
    assert (version.kind, version.version, version.actor) == ("version", 1, "eve")
    assert version.spec == {"id": "w", "version": 1, "steps": {"say": {"kind": "ask", "models": ["m"], "prompt": "a"}}}
    assert (active.kind, active.version, active.spec, active.digest) == ("active", 1, None, version.digest)


async def test_that_each_change_is_audited_with_before_and_after(client: Client) -> None:
    await publishing.publish(client, await _plan(client, _spec("a"), _spec("a", "other")), "eve")
    change = (await _plan(client, _spec("b")))[0]
    await publishing.publish(client, [change], "adam")
    first, second = await deployments.read_audit(client, "w")
    assert (first.actor, first.action, first.details["before"]) == ("eve", "workflow.deployed", None)
    assert (second.actor, second.action) == ("adam", "workflow.deployed")
    assert second.details["before"] == first.details["after"]
    assert second.details["after"] == {"version": 2, "digest": change.after.digest}
    assert "+    prompt: b" in str(second.details["diff"])
    assert {record.key for record in await _records(client, AUDIT)} == {b"w", b"other"}


async def test_that_nothing_is_written_when_nothing_changes(client: Client) -> None:
    await publishing.publish(client, await _plan(client, _spec("a")), "eve")
    before = [len(await _records(client, topic)) for topic in (DEFINITIONS, AUDIT)]
    changes = await _plan(client, _spec("a"))
    await publishing.publish(client, changes, "eve")
    assert [change.kind for change in changes] == ["unchanged"]
    assert [len(await _records(client, topic)) for topic in (DEFINITIONS, AUDIT)] == before


async def test_that_an_activation_writes_no_version(client: Client) -> None:
    for prompt in ("a", "b"):
        await publishing.publish(client, await _plan(client, _spec(prompt)), "eve")
    deployed = await deployments.read(client)
    change = activation("w", 1, deployed.specs, 2)
    await publishing.publish(client, [change], "adam", action=deployments.ROLLED_BACK)
    after = await deployments.read(client)
    assert after.versions == deployed.versions
    assert (after.active["w"].version, after.active["w"].actor) == (1, "adam")
    assert (await deployments.read_audit(client, "w"))[-1].action == "workflow.rolled_back"


async def test_that_of_two_deployments_at_once_the_first_stands(client: Client) -> None:
    ours, theirs = await _plan(client, _spec("ours")), await _plan(client, _spec("theirs"))
    await publishing.publish(client, theirs, "they")
    with pytest.raises(ConfigurationError, match=r"at the same time: version 1 of w \(by they\)"):
        await publishing.publish(client, ours, "we")
    deployed = await deployments.read(client)
    assert deployed.versions["w", 1].spec == theirs[0].spec
    assert deployed.active["w"].actor == "they"
    # What compaction keeps is theirs too.
    values = [record.value for record in await _records(client, DEFINITIONS) if record.key == b"w/1"]
    assert [DEFINITIONS.parse(value, max_bytes=10**6).actor for value in values] == ["they", "we", "they"]
    await publishing.publish(client, await _plan(client, _spec("ours")), "we")
    assert (await deployments.read(client)).numbers == {"w": 2}


async def test_that_a_very_long_difference_is_cut_in_the_audit_only(client: Client) -> None:
    await publishing.publish(client, await _plan(client, _spec("a")), "eve")
    await publishing.publish(client, await _plan(client, _spec("b" * 200_000)), "eve")
    event = (await deployments.read_audit(client, "w"))[-1]
    assert len(str(event.details["diff"])) < 66_000
    assert len(str((await deployments.read(client)).versions["w", 2].spec)) > 200_000


def test_that_the_actor_is_the_user_or_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "eve")
    assert publishing.current_user() == "meta-ai:eve"

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert publishing.current_user().removeprefix("meta-ai:").isdigit()
