from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.errors import UnknownWorkflow
from app.partitioner import partition_of
from app.settings import Settings, TopicSettings
from app.worker.feeds.definitions import DefinitionFeed
from app.workflows.definition.definitions import Definitions
from topics import DEFINITIONS
from topics.definitions import DefinitionEvent

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _version(version: int, *, text: str = "hello", workflow: str = "w", **step: Any) -> DefinitionEvent:
    spec: dict[str, Any] = {
        "id": workflow,
        "version": version,
        "steps": {"say": {"kind": "ask", "models": ["m"], "prompt": text, **step}},
    }
    return DefinitionEvent(kind="version", workflow=workflow, version=version, spec=spec, at=NOW)


def _active(version: int, workflow: str = "w") -> DefinitionEvent:
    return DefinitionEvent(kind="active", workflow=workflow, version=version, at=NOW)


@pytest.fixture
def definitions() -> Definitions:
    return Definitions()


@pytest.fixture
def feed(definitions: Definitions) -> DefinitionFeed:
    return DefinitionFeed(Settings(), {}, definitions)


def _apply(feed: DefinitionFeed, *events: DefinitionEvent) -> None:
    for event in events:
        feed.apply(event)


def test_that_new_runs_take_the_active_version_and_others_keep_theirs(
    feed: DefinitionFeed, definitions: Definitions
) -> None:
    _apply(feed, _version(1), _active(1), _version(2, text="b"))
    assert definitions.latest("w").spec.version == 1
    _apply(feed, _active(2))
    assert definitions.latest("w").spec.version == 2
    assert definitions.get("w", 1).spec.version == 1
    _apply(feed, _active(1))
    assert definitions.latest("w").spec.version == 1
    assert not feed.refused


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (_version(2, text="{{ broken"), "steps.say.prompt"),
        (_version(2, fusion={"strategy": "of another package"}), "of another package"),
        (_version(2, invention=1), "steps.say.ask.invention: .* is this worker older"),
        (_version(2).model_copy(update={"spec": None}), "spec"),
        (_version(3).model_copy(update={"version": 2}), "its spec is version 3 of w"),
    ],
)
def test_that_what_cannot_be_run_here_fails_by_name_and_stops_nothing(
    feed: DefinitionFeed,
    definitions: Definitions,
    event: DefinitionEvent,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _apply(feed, _version(1), _active(1), event, _active(2), _version(1, workflow="v"), _active(1, "v"))
    assert definitions.get("w", 1).spec.version == 1
    assert definitions.latest("v").spec.id == "v"
    with pytest.raises(UnknownWorkflow, match=f"version 2 of the workflow w cannot be run: .*{why}"):
        definitions.latest("w")
    assert list(feed.refused) == [("w", 2)]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_that_a_compiler_that_breaks_is_survived(
    feed: DefinitionFeed, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(_: Any) -> None:
        raise RecursionError

    with monkeypatch.context() as patch:
        patch.setattr(definitions, "put", put)
        _apply(feed, _version(1), _active(1))
    assert feed.refused == {("w", 1): "RecursionError while it was compiled"}
    _apply(feed, _version(2), _active(2))
    assert definitions.latest("w").spec.version == 2


def test_that_a_version_never_changes(
    feed: DefinitionFeed, definitions: Definitions, caplog: pytest.LogCaptureFixture
) -> None:
    _apply(feed, _version(1), _active(1))
    first = definitions.latest("w")
    _apply(feed, _version(1))
    assert definitions.latest("w") is first
    assert not caplog.records
    _apply(feed, _version(1, text="changed"))
    assert definitions.latest("w") is first
    assert "its first content counts" in caplog.text


#: The partition, of two, of the workflow `w`.
HOME = partition_of("w", 2)


@asynccontextmanager
async def _following(
    connection: Connection, settings: Settings, definitions: Definitions
) -> AsyncIterator[DefinitionFeed]:
    options = {
        "bootstrap_servers": connection.bootstrap_servers,
        "fetch_max_wait_ms": connection.fetch_wait_ms,
        **connection.client_options,
    }
    feed = DefinitionFeed(settings, options, definitions)
    task = asyncio.create_task(feed.follow())
    try:
        async with asyncio.timeout(30):
            yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _write(connection: Connection, settings: Settings, *values: bytes, partition: int = HOME) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers, acks="all", **connection.client_options)
    await producer.start()
    for value in values:
        await producer.send(settings.topics.prefix + DEFINITIONS.name, value, partition=partition)
    await producer.stop()


async def test_that_workflows_are_taken_up_live_past_garbage(embedded: Connection, definitions: Definitions) -> None:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    await _write(embedded, settings, b"garbage", _version(1).to_json(), _active(1).to_json())
    async with _following(embedded, settings, definitions) as feed:
        await feed.reach_end()
        assert feed.caught_up
        assert definitions.latest("w").spec.version == 1
        await _write(embedded, settings, _version(2, text="b").to_json(), _active(2).to_json())
        await feed.reach_end()
        assert definitions.latest("w").spec.version == 2
        # What lies elsewhere has no order among these; the agent `deploy` sends it to its workflow's partition.
        await _write(embedded, settings, _active(1).to_json(), partition=1 - HOME)
        await feed.reach_end()
        assert definitions.latest("w").spec.version == 2
