from __future__ import annotations

from datetime import UTC, datetime

from agents.deploy import AGENT
from app.partitioner import partition_of
from tests.agents.deps import assemble
from tests.delivery.fakes import Harness, Stream, until
from topics import DEAD_LETTERS, DEFINITIONS
from topics.definitions import DefinitionEvent

AT = datetime(2026, 11, 24, tzinfo=UTC)
VERSION = DefinitionEvent(kind="version", workflow="w", version=2, spec={"id": "w"}, at=AT)
ACTIVE = DefinitionEvent(kind="active", workflow="w", version=2, at=AT)


async def test_that_what_was_deployed_elsewhere_is_sent_to_its_workflows_partition_in_order() -> None:
    harness, stream = Harness(), Stream()
    deps = assemble(harness)
    home = partition_of("w", deps.settings.topics.partitions)
    elsewhere = (home + 1) % deps.settings.topics.partitions
    harness.own(DEFINITIONS.name, home, elsewhere)
    harness.start(AGENT.run(stream, deps))
    astray = [harness.message(DEFINITIONS, event, partition=elsewhere) for event in (VERSION, ACTIVE)]
    harness.deliver(stream, *astray, harness.message(DEFINITIONS, ACTIVE, partition=home))
    await until(lambda: harness.committable(DEFINITIONS, elsewhere) == 2 and harness.committable(DEFINITIONS, home))
    moved = harness.producer.on(DEFINITIONS)
    assert [(record.key, record.partition) for record in moved] == [(b"w/2", home), (b"w", home)]
    assert [record.value for record in moved] == [VERSION.to_json(), ACTIVE.to_json()]
    await harness.stop()


async def test_that_a_workflow_may_be_larger_than_other_events() -> None:
    harness, stream = Harness(), Stream()
    deps = assemble(harness)
    elsewhere = (partition_of("w", deps.settings.topics.partitions) + 1) % deps.settings.topics.partitions
    harness.own(DEFINITIONS.name, elsewhere)
    harness.start(AGENT.run(stream, deps))
    text = "x" * (harness.delivery.settings.max_event_bytes + 1)
    large = VERSION.model_copy(update={"spec": {"id": text}})
    harness.deliver(stream, harness.message(DEFINITIONS, large, partition=elsewhere))
    await until(lambda: harness.producer.on(DEFINITIONS))
    assert harness.producer.on(DEAD_LETTERS) == []
    await harness.stop()


async def test_that_what_is_not_a_deployment_is_a_dead_letter() -> None:
    harness, stream = Harness(), Stream()
    harness.own(DEFINITIONS.name, 0)
    harness.start(AGENT.run(stream, assemble(harness)))
    harness.deliver(stream, harness.message(DEFINITIONS, b'{"kind": "active"}'))
    await until(lambda: harness.producer.on(DEAD_LETTERS))
    assert harness.producer.on(DEFINITIONS) == []
    await harness.stop()
