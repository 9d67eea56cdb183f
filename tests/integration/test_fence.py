"""Who may write to a partition, as Kafka itself decides it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.delivery.assignment.assignment import AssignmentEnded, Assignments, PartitionAssignment
from app.delivery.assignment.fencing import Fences
from app.delivery.kafka.kafka_private import FencedProducer
from app.delivery.outbox import Record
from app.delivery.state.partition_state import PartitionState
from app.errors import InvalidEvent
from app.settings import Settings
from app.worker.components import components
from app.worker.restoration import fenced_topics, runs_topic
from app.worker.worker import Worker
from testkit.cluster.harness import question
from testkit.cluster.traffic import Traffic
from tests.delivery.fakes import outbox

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

TWO_MB = 2 * 1024 * 1024


@dataclass
class Owner:
    """What of a worker writes: it is given partitions by hand."""

    producer: FencedProducer
    settings: Settings
    rejoined: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assignments = Assignments(
            lambda partition: PartitionState(partition, wake_at=lambda _value: None, window=60.0)
        )
        self.assignments.rejoin = lambda: self.rejoined.append(1)
        self.fences = Fences(self.producer, self.assignments, self.settings.app_id, fenced_topics(self.settings))
        self.outbox = outbox(self.producer)

    async def own(self, *partitions: int) -> list[PartitionAssignment]:
        """Be assigned partitions, and no others, and shut out whoever had them."""
        known = set(self.assignments)
        self.assignments.assign(("tasks", partition) for partition in partitions)
        new = [assignment for assignment in self.assignments if assignment not in known]
        await asyncio.gather(*(self.fences.fence(assignment) for assignment in new))
        return sorted(self.assignments, key=lambda assignment: assignment.partition)

    async def write(self, topic: str, value: str, partition: int = 0) -> None:
        """Write as whatever keeps no assignment in mind: only the broker can refuse."""
        await self.producer.send_and_wait(topic, value.encode(), key=b"k", partition=partition)


@pytest_asyncio.fixture(loop_scope="session")
async def settings(kafka: Connection) -> Settings:
    prefix = f"f{uuid.uuid4().hex[:8]}-"
    found = Settings.model_validate(
        {"app_id": f"{prefix}app", "topics": {"prefix": prefix, "partitions": 2, "max_message_bytes": TWO_MB}}
    )
    await ensure_topics(kafka, found.topics, [InternalTopic(runs_topic(found), compacted=True)])
    return found


@asynccontextmanager
async def owner(kafka: Connection, settings: Settings) -> AsyncIterator[Owner]:
    async with FencedProducer(
        bootstrap_servers=kafka.bootstrap_servers, acks="all", enable_idempotence=True, max_request_size=10_000_000
    ) as producer:
        yield Owner(producer, settings)


async def values(kafka: Connection, topic: str, partition: int = 0) -> list[str]:
    """Return what a partition holds, in order."""
    tp = TopicPartition(topic, partition)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([tp])
        end, found = (await consumer.end_offsets([tp]))[tp], []
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += [record.value.decode() for record in records]
        return found


async def test_that_the_next_owner_shuts_out_the_former_one(kafka: Connection, settings: Settings) -> None:
    async with owner(kafka, settings) as old, owner(kafka, settings) as new:
        await old.own(0, 1)
        places = [(runs_topic(settings), 0), (f"{settings.topics.prefix}results", 1)]
        for topic, partition in places:
            await old.write(topic, "old", partition)
        await new.own(0, 1)
        for topic, partition in places:
            with pytest.raises(ProducerFenced):
                await old.write(topic, "stale", partition)
            await new.write(topic, "new", partition)
            assert await values(kafka, topic, partition) == ["old", "new"]
        assert old.rejoined == [1, 1]  # it asks the group whose the partitions are


async def test_that_a_batch_that_waited_for_the_broker_does_not_outlive_its_assignment(
    kafka: Connection, settings: Settings
) -> None:
    topic = runs_topic(settings)
    async with owner(kafka, settings) as one:
        (assignment,) = await one.own(0)
        leader = one.producer.client.cluster.leader_for_partition
        one.producer.client.cluster.leader_for_partition = lambda _tp: None  # as while one is elected
        stale = [Record(topic, b"k", b"never", [], 0)]
        writing = asyncio.create_task(one.outbox.write(stale, assignment))
        other = asyncio.create_task(one.outbox.write([Record(topic, b"k", b"of another's assignment", [], 0)]))
        await asyncio.sleep(0.2)
        await one.own()
        await one.own(0)
        one.producer.client.cluster.leader_for_partition = leader
        with pytest.raises(AssignmentEnded):
            await writing
        await other
        found = await values(kafka, topic)
        assert "never" not in found
        assert found[-1] == "of another's assignment"


async def test_that_who_was_shut_out_by_mistake_gets_the_partition_back(kafka: Connection, settings: Settings) -> None:
    topic = runs_topic(settings)
    async with owner(kafka, settings) as rightful, owner(kafka, settings) as late:
        (assignment,) = await rightful.own(0)
        await late.own(0)  # it was frozen since it was assigned the partition, long ago
        with pytest.raises(AssignmentEnded):
            await rightful.outbox.write([Record(topic, b"k", b"refused", [], 0)], assignment)
        assert (rightful.rejoined, len(rightful.assignments)) == ([1], 0)
        await rightful.own(0)
        await rightful.write(topic, "rightful")
        with pytest.raises(ProducerFenced):
            await late.write(topic, "late")
        assert (await values(kafka, topic))[-1] == "rightful"


async def test_that_a_fence_is_renewed_and_one_that_was_taken_over_found_out(
    kafka: Connection, settings: Settings
) -> None:
    async with owner(kafka, settings) as one, owner(kafka, settings) as other:
        (assignment,) = await one.own(1)
        await one.fences.renew(assignment)
        await one.write(runs_topic(settings), "still its own", partition=1)
        assert not assignment.ended
        await other.own(1)
        await one.fences.renew(assignment)
        assert assignment.ended


@pytest.mark.parametrize("fenced", [True, False])
async def test_that_a_record_that_the_broker_refuses_holds_up_none_behind_it(
    kafka: Connection, settings: Settings, *, fenced: bool
) -> None:
    topic = runs_topic(settings)
    async with owner(kafka, settings) as one:
        if fenced:
            await one.own(0)
        await one.write(topic, "before")
        with pytest.raises(MessageSizeTooLargeError):
            await one.write(topic, "x" * 2 * TWO_MB)
        with pytest.raises(InvalidEvent, match=f"{2 * TWO_MB} bytes"):
            await one.outbox.write([Record(topic, b"k", b"x" * 2 * TWO_MB, [], 0)])
        await one.write(topic, "behind")
        assert (await values(kafka, topic))[-2:] == ["before", "behind"]


@asynccontextmanager
async def worker(kafka: Connection, settings: Settings) -> AsyncIterator[Worker]:
    """Yield a whole worker, ready, with a model that needs no upstream."""
    models = {"models": {"m": {"provider": "scripted"}}, "ask": {"models": ["m"], "strategy": "first"}}
    raw = {**settings.model_dump(exclude_unset=True), **models, "retrieval": {"embedder": "hashing"}}
    chosen = Settings.model_validate(raw)
    found = Worker(chosen, kafka, components(chosen))
    await found.start()
    try:
        async with asyncio.timeout(60):
            await found.ready()
        yield found
    finally:
        await found.stop()


async def test_that_a_worker_shuts_out_the_former_owner_before_it_is_ready(
    kafka: Connection, settings: Settings
) -> None:
    async with owner(kafka, settings) as old:
        await old.own(0, 1)
        async with worker(kafka, settings):
            for topic, partition in zip(fenced_topics(settings)[:2], (0, 1), strict=True):
                with pytest.raises(ProducerFenced):
                    await old.write(topic, "stale", partition)


async def test_that_a_worker_that_was_shut_out_by_mistake_loses_nothing(kafka: Connection, settings: Settings) -> None:
    tasks = [question(number) for number in range(30)]
    async with (
        worker(kafka, settings) as rightful,
        owner(kafka, settings) as late,
        Traffic(kafka.bootstrap_servers, settings.topics.prefix) as traffic,
    ):
        before = rightful.assignments.get(0)
        for task in tasks[:15]:
            await traffic.feed(task)
        await late.own(0)
        for task in tasks[15:]:
            await traffic.feed(task)
        wanted = {str(task.id) for task in tasks}
        await traffic.until(lambda: traffic.results.keys() >= wanted, seconds=60)
        assert before is not None
        assert before.ended
        assert {value.status for values in traffic.results.values() for value in values} == {"succeeded"}
        async with asyncio.timeout(60):
            await rightful.ready()
            while await traffic.lag(settings.app_id):  # noqa: ASYNC110  # the broker tells nobody
                await asyncio.sleep(0.2)
