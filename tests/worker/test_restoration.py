from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.delivery.assignment.assignment import AssignmentEnded, Assignments, PartitionAssignment
from app.delivery.core import Delivery
from app.delivery.envelope import Headers, Outgoing, first
from app.delivery.outbox import Outbox, Producer
from app.delivery.state.checkpoints import Checkpoints
from app.delivery.state.partition_state import PartitionState
from app.delivery.state.state_log import Read
from app.delivery.state.state_writer import StateWriter
from app.errors import BrokerError
from app.settings import ModelSettings, Settings, TopicSettings
from app.telemetry.metrics import Metrics
from app.worker import restoration
from app.worker.restoration import StateRestorer, answer_topics, answer_window, new_partition_state, runs_topic
from app.workflows.records import records
from app.workflows.run import Done, Run, RunState, StepRun
from tests.delivery.fakes import until
from topics import MODEL_RESPONSES, RETRIEVAL_RESULTS, STEP_RESULTS
from topics.model_responses import ModelResponse
from topics.tasks import Task

DONE = Done(digest="d", forget_at=2_000_000_000.0)
WAITING = StepRun(status="running", wake_at=2_000_000_000.0)


def _run(name: str) -> Run:
    task = Task(id=name, input={})
    return Run(name, task, "d", 1.5, 3e9, steps={"pause": WAITING}, active={"pause": WAITING.wake_at})


@pytest.fixture
def settings() -> Settings:
    return Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))


@pytest.fixture
async def options(embedded: Connection, settings: Settings) -> dict[str, Any]:
    await ensure_topics(embedded, settings.topics, [InternalTopic(runs_topic(settings), compacted=True)])
    return {"bootstrap_servers": embedded.bootstrap_servers, **embedded.client_options}


async def _write(options: Mapping[str, Any], topic: str, *sent: dict[str, Any]) -> None:
    async with AIOKafkaProducer(**options, acks="all") as producer:
        for record in sent:
            await producer.send(topic, **record)


def _lines(state: RunState, key: str, partition: int = 1) -> list[dict[str, Any]]:
    return [
        {"key": record.encode(), "value": value, "partition": partition} for record, value in records(key, state, None)
    ]


async def _take_over(settings: Settings, options: Mapping[str, Any]) -> PartitionState:
    partition_state = new_partition_state(settings, 1)
    await StateRestorer(settings, options).read([PartitionAssignment(1, partition_state)])
    return partition_state


async def test_that_a_new_owner_knows_the_runs_and_what_was_answered(
    options: dict[str, Any], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await _write(
        options,
        runs_topic(settings),
        *_lines(_run("mine"), "mine"),
        *_lines(DONE, "over"),
        {"key": b"garbage", "value": b"{", "partition": 1},
        {"key": None, "value": b"{}", "partition": 1},
        *_lines(_run("another's"), "another's", partition=0),
    )
    answers = ((MODEL_RESPONSES, b"a/response"), (RETRIEVAL_RESULTS, b"a/result"), (STEP_RESULTS, b"a/step"))
    for topic, event_id in answers:
        name = settings.topics.prefix + topic.name
        await _write(options, name, {"value": b"any", "partition": 1, "headers": [("ce_id", event_id)]})
        await _write(options, name, {"value": b"any", "partition": 1, "headers": [("ce_id", None), ("x", b"\xff")]})

    with caplog.at_level(logging.ERROR):
        partition_state = await _take_over(settings, options)

    assert partition_state.is_loaded
    assert partition_state.values.get("mine") == _run("mine")
    assert partition_state.values.get("over") == DONE
    assert len(partition_state.values) == 2
    assert "'garbage' in partition 1 is no run" in caplog.text
    assert all(event_id.decode() in partition_state.answered for _, event_id in answers)


async def test_that_only_what_goes_on_is_to_be_woken(options: dict[str, Any], settings: Settings) -> None:
    await _write(options, runs_topic(settings), *_lines(DONE, "over"), *_lines(_run("mine"), "mine"))
    partition_state = await _take_over(settings, options)
    assert not partition_state.ready
    assert [key for key, _ in partition_state.values.to_wake(9)] == ["mine"]
    assert partition_state.ready


async def test_that_what_is_awaited_before_opening_comes_after_the_runs_and_before_their_waking(
    options: dict[str, Any], settings: Settings
) -> None:
    await _write(options, runs_topic(settings), *_lines(_run("mine"), "mine"))
    partition_state, seen = new_partition_state(settings, 1), []

    async def before_open() -> None:
        seen.append((partition_state.is_loaded, len(partition_state.values.restored)))

    await StateRestorer(settings, options, before_open=before_open).read([PartitionAssignment(1, partition_state)])
    assert seen == [(False, 0)]
    assert (partition_state.is_loaded, len(partition_state.values.restored)) == (True, 1)


class Past:
    """A producer whose records are as old as the test says, and that dies after so many of them."""

    def __init__(self, producer: AIOKafkaProducer, at: float) -> None:
        self.at = at
        self.left = 1_000_000
        self._producer = producer

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> asyncio.Future[Any]:
        assert timestamp_ms is None
        if not self.left:
            raise RuntimeError("killed")
        self.left -= 1
        then = int(self.at * 1000)
        sent: asyncio.Future[Any] = await self._producer.send(topic, value, key, partition, then, headers)
        return sent


class Owner:
    """The owner of a partition: it reads the log back, and writes its state behind."""

    def __init__(self, settings: Settings, producer: Producer, prefix: str = "") -> None:
        assignments = Assignments(lambda partition: new_partition_state(settings, partition))
        assignments.assign([("any", 1)])
        (self.assignment,) = assignments
        self.values = self.assignment.partition_state.values
        self._producer = producer
        self._outbox = Outbox(
            producer, prefix=prefix, source="/test", propagate=lambda parent: parent or "", metrics=Metrics()
        )
        delivery = Delivery(settings.delivery, self._outbox, assignments, Metrics())
        self.checkpoints = Checkpoints(
            delivery, state_topic=runs_topic(settings), answers=frozenset(answer_topics(settings))
        )
        self._writer: StateWriter[RunState] = StateWriter(delivery, records, runs_topic(settings))

    def put(self, key: str, state: RunState) -> None:
        self.values.put(key, state)
        self.values.changed(key, lambda: None)

    async def write(self) -> None:
        await self._writer.write_changes(self._producer.at if isinstance(self._producer, Past) else time.time())

    async def answer(self, *names: str) -> None:
        await self._outbox.publish([_answer(name) for name in names])


@pytest.mark.kafka
@pytest.mark.parametrize("pause", [0.0, 1e6])
async def test_that_a_run_far_older_than_the_window_survives_one_owner_after_another(
    kafka: Connection, settings: Settings, pause: float
) -> None:
    """Let hours of log go by, with a new owner each half an hour, and perhaps a pause in between."""
    options = {"bootstrap_servers": kafka.bootstrap_servers, **kafka.client_options}
    await ensure_topics(kafka, settings.topics, [InternalTopic(runs_topic(settings), compacted=True)])
    old = {f"old-{number}": _run(f"old-{number}") for number in range(20)}
    async with AIOKafkaProducer(**options, acks="all") as real:
        producer = Past(real, time.time() - 20_000.0 - 2 * pause)
        owner = Owner(settings, producer)
        for key, run in old.items():
            owner.put(key, run)
        for life in range(4):
            for minute in range(30):
                owner.put(f"passing-{life}-{minute}", DONE)
                owner.put("old-0", replace(old["old-0"], turn=minute))  # written all the time, though never in full
                await owner.write()
                producer.at += 60.0
            owner.put("old-0", old["old-0"])
            await owner.write()
            producer.at += pause if life == 2 else 0.0
            owner = Owner(settings, producer)
            await StateRestorer(settings, options).read([owner.assignment])
            assert {key: owner.values.get(key) for key in old} == old
            # What ended long ago is not read back, or this would be no window.
            assert [owner.values.get(f"passing-{life}-{minute}") for minute in (0, 29)] == [None, DONE]
        # After another pause the first of them are written again, and the worker dies before the others are.
        producer.at += pause + 5000.0
        producer.left = 5
        with pytest.raises(RuntimeError, match="killed"):
            await owner.write()
        await real.flush()
    last = Owner(settings, producer)
    await StateRestorer(settings, options).read([last.assignment])
    assert {key: last.values.get(key) for key in old} == old


def _answer(name: str) -> Outgoing:
    event = ModelResponse(id=name, task_id="t", step="s", branch="m", model="m", text="a long answer")
    return Outgoing(MODEL_RESPONSES, "t", event, f"{name}/response", 1)


async def test_that_only_answers_that_no_checkpoint_covers_are_read_back(
    options: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let owners come and go: each answers, and writes down what it has answered, except for the last ones."""
    read: list[str] = []
    take = restoration._answer

    def reading(partition_state: Mapping[int, PartitionState]) -> Read:
        real = take(partition_state)

        def noted(record: Any) -> None:
            read.append(first(record.headers, "ce_id") or "")
            real(record)

        return noted

    monkeypatch.setattr(restoration, "_answer", reading)
    known: list[str] = []
    async with AIOKafkaProducer(**options, acks="all") as producer:
        for life in range(3):
            owner = Owner(settings, producer, prefix=settings.topics.prefix)
            await StateRestorer(settings, options).read([owner.assignment])
            assert [name for name in known if f"{name}/response" not in owner.assignment.partition_state.answered] == []
            assert read == ([] if life == 0 else [f"late-{life - 1}/response"])
            names = [f"a-{life}-{number}" for number in range(30)]
            await owner.answer(*names[:20])
            await owner.checkpoints.write()
            await owner.answer(*names[20:])
            await owner.checkpoints.write()
            await owner.answer(f"late-{life}")  # the owner dies before it is written down
            known += [*names, f"late-{life}"]
            read.clear()


@pytest.mark.kafka
async def test_that_what_was_answered_before_a_pause_is_known_to_the_owner_after_the_next_one(
    kafka: Connection, settings: Settings
) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers, **kafka.client_options}
    await ensure_topics(kafka, settings.topics, [InternalTopic(runs_topic(settings), compacted=True)])
    async with AIOKafkaProducer(**options, acks="all") as real:
        producer = Past(real, time.time() - 90_000.0)  # more than a day ago
        owner = Owner(settings, producer, prefix=settings.topics.prefix)
        await owner.answer("before")
        await owner.checkpoints.write()
        for _ in range(2):
            producer.at = time.time()
            owner = Owner(settings, producer, prefix=settings.topics.prefix)
            await StateRestorer(settings, options).read([owner.assignment])
            assert "before/response" in owner.assignment.partition_state.answered
            owner.put("new", DONE)
            await owner.write()
            await owner.answer("new")
            await owner.checkpoints.write()


def test_that_answers_are_remembered_for_longer_than_any_call_may_take() -> None:
    models = {
        "local": ModelSettings(provider="local", total_timeout=30),
        "slow": ModelSettings(provider="x", total_timeout=900),
    }
    settings = Settings(models=models)
    assert answer_window(settings) == settings.delivery.remember + 900


class Reads(StateRestorer):
    """Notes which partitions are read back together, and fences as it is told."""

    def __init__(self, settings: Settings, fence: Callable[[PartitionAssignment], Coroutine[Any, Any, None]]) -> None:
        super().__init__(settings, {}, fence=fence)
        self.read_back: list[list[int]] = []

    async def _read_together(self, new: Collection[PartitionAssignment]) -> None:
        self.read_back.append(sorted(assignment.partition for assignment in new))


def _assignments(settings: Settings, *partitions: int) -> list[PartitionAssignment]:
    return [PartitionAssignment(partition, new_partition_state(settings, partition)) for partition in partitions]


async def test_that_nothing_is_read_back_before_it_is_fenced_and_a_leader_that_is_away_holds_up_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.restoration._TOGETHER_SECONDS", 0.05)
    back = asyncio.Event()

    async def fence(assignment: PartitionAssignment) -> None:
        if assignment.partition == 1:
            await back.wait()

    takeover = Reads(settings, fence)
    reading = asyncio.create_task(takeover.read(_assignments(settings, 0, 1, 2)))
    await until(lambda: takeover.read_back == [[0, 2]])
    assert not reading.done()
    back.set()
    await reading
    assert takeover.read_back == [[0, 2], [1]]


async def test_that_what_ends_while_it_is_fenced_is_not_read_back_and_other_failures_are_told(
    settings: Settings,
) -> None:
    async def fence(assignment: PartitionAssignment) -> None:
        if assignment.partition == 0:
            raise AssignmentEnded
        if assignment.partition == 1:
            assignment.end()

    takeover = Reads(settings, fence)
    await takeover.read(_assignments(settings, 0, 1, 2))
    assert takeover.read_back == [[2]]

    async def refused(_assignment: PartitionAssignment) -> None:
        raise BrokerError("no rights")

    with pytest.raises(BrokerError, match="no rights"):
        await Reads(settings, refused).read(_assignments(settings, 0))
