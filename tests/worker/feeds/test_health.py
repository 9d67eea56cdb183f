from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.delivery.outbox import Outbox
from app.routing.breaker import Circuit
from app.routing.health import HealthBoard
from app.routing.health_recorder import HealthRecorder
from app.settings import Settings, TopicSettings
from app.telemetry.metrics import Metrics
from app.worker.feeds.health import HealthFeed
from tests.delivery.fakes import TRACEPARENT
from topics import MODEL_HEALTH
from topics.model_health import ModelHealth


def test_that_only_what_changed_is_told() -> None:
    measures = HealthRecorder("here")
    assert measures.take_changed(100.0) == []
    measures.observe("b", 2.0, ok=True, now=100.0)
    measures.observe("a", 1.0, ok=False, now=100.0)
    first = measures.take_changed(101.0)
    assert [(one.model, one.worker, one.calls, one.seconds, one.errors) for one in first] == [
        ("a", "here", 1, 1.0, 1.0),
        ("b", "here", 1, 2.0, 0.0),
    ]
    assert {one.at for one in first} == {datetime.fromtimestamp(101.0, UTC)}
    assert measures.take_changed(102.0) == []
    measures.observe("a", 1.0, ok=True, now=103.0)
    assert [(one.model, one.calls) for one in measures.take_changed(103.0)] == [("a", 2)]


@dataclass
class Worker:
    """The feed of one worker, with the tasks that run it."""

    measures: HealthRecorder
    board: HealthBoard
    feed: HealthFeed

    def known(self) -> dict[str, float]:
        """Return the share of errors of each model that is known."""
        return {model: health.errors for model, health in self.board.health(time.time()).items()}

    def knows(self, *models: str) -> bool:
        return self.known().keys() == set(models)


class Cluster:
    """Workers around one topic."""

    def __init__(self, settings: Settings, options: dict[str, Any], producer: AIOKafkaProducer) -> None:
        self.settings = settings
        self.options = options
        self.producer = producer
        self.tasks: list[asyncio.Task[None]] = []

    def worker(self, name: str) -> Worker:
        outbox = Outbox(
            self.producer,
            prefix=self.settings.topics.prefix,
            source="/test",
            propagate=lambda parent: parent or TRACEPARENT,
            metrics=Metrics(),
        )
        board = HealthBoard(hold=0.0)
        measures = HealthRecorder(name, board)
        feed = HealthFeed(self.settings, self.options, board, measures=measures, outbox=outbox)
        loops = (feed.follow(), feed.publish_regularly(interval=0.01))
        self.tasks += [asyncio.create_task(loop) for loop in loops]
        return Worker(measures, board, feed)

    @property
    def topic(self) -> str:
        return self.settings.topics.prefix + MODEL_HEALTH.name

    async def put(self, value: bytes | None, key: bytes = b"k") -> None:
        await self.producer.send_and_wait(self.topic, value, key=key)

    async def records(self) -> list[tuple[bytes, bytes | None]]:
        """Return all records of the topic, by partition and in order."""
        consumer = AIOKafkaConsumer(self.topic, **self.options, auto_offset_reset="earliest")
        await consumer.start()
        found = []
        while batch := await consumer.getmany(timeout_ms=300):
            found += [(record.key, record.value) for records in batch.values() for record in records]
        await consumer.stop()
        return found


@contextlib.asynccontextmanager
async def _cluster(embedded: Connection) -> AsyncIterator[Cluster]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    options = {"bootstrap_servers": embedded.bootstrap_servers, **embedded.client_options}
    await ensure_topics(embedded, settings.topics)
    producer = AIOKafkaProducer(**options, acks="all")
    await producer.start()
    cluster = Cluster(settings, {**options, "fetch_max_wait_ms": 25}, producer)
    try:
        yield cluster
    finally:
        for task in cluster.tasks:
            task.cancel()
        await asyncio.gather(*cluster.tasks, return_exceptions=True)
        await producer.stop()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


async def test_that_what_one_worker_measures_all_workers_know(embedded: Connection) -> None:
    async with _cluster(embedded) as cluster:
        one, other = cluster.worker("one"), cluster.worker("other")
        one.measures.observe("gpt", 1.0, ok=False, now=time.time())
        other.measures.observe("claude", 1.0, ok=True, now=time.time())
        for worker in (one, other):
            await _until(partial(worker.knows, "gpt", "claude"))
            assert worker.known()["gpt"] > 0.9
            assert worker.known()["claude"] == 0.0
        keys = {key for key, _ in await cluster.records()}
        assert keys == {b"gpt/one", b"claude/other"}


async def test_that_a_breaker_that_opens_is_open_for_other_workers_and_after_a_start(embedded: Connection) -> None:
    async with _cluster(embedded) as cluster:
        one = cluster.worker("one")
        opened = one.measures.circuit("gpt")
        now = time.time()
        for number in range(5):
            opened.note(ok=False, now=now - 2 + number / 2)
        for name in ("other", "one"):  # the last as the first is after a restart
            circuit = cluster.worker(name).measures.circuit("gpt")
            await _until(partial(_is_open, circuit))
            assert abs(circuit.open_until - opened.open_until) < 0.001


def _is_open(circuit: Circuit) -> bool:
    return circuit.state(time.time()) == "open"


def test_that_a_breaker_that_moves_is_told_though_no_call_has_ended() -> None:
    measures = HealthRecorder("here")
    circuit = measures.circuit("gpt")
    for number in range(5):
        circuit.note(ok=False, now=98.0 + number / 2)
    (told,) = measures.take_changed(101.0)
    assert (told.open_until, told.trips, told.calls) == (datetime.fromtimestamp(105.0, UTC), 1, 0)
    circuit.note(ok=True, now=106.0)
    (told,) = measures.take_changed(107.0)
    assert (told.open_until, told.trips) == (None, 0)


async def test_that_a_worker_that_starts_knows_what_was_told_before(embedded: Connection) -> None:
    async with _cluster(embedded) as cluster:
        event = ModelHealth(model="gpt", worker="gone", at=datetime.now(UTC), calls=3, seconds=1.0, errors=1.0)
        await cluster.put(b"garbage")
        await cluster.put(event.to_json())
        await cluster.put(None, key=b"gpt/other")
        worker = cluster.worker("new")
        assert not worker.feed.caught_up
        await _until(lambda: worker.feed.caught_up)
        assert worker.known()["gpt"] > 0.9


async def test_that_what_a_worker_said_that_is_long_gone_is_taken_off(embedded: Connection) -> None:
    async with _cluster(embedded) as cluster:
        old = datetime.now(UTC) - timedelta(days=2)
        for name, at in (("gone", old), ("back", old), ("back", datetime.now(UTC))):
            event = ModelHealth(model="gpt", worker=name, at=at, errors=1.0)
            await cluster.put(event.to_json(), key=f"gpt/{name}".encode())
        worker = cluster.worker("new")
        await _until(lambda: worker.feed.caught_up and not worker.feed._gone)
        await asyncio.sleep(0.1)
        records = await cluster.records()
        assert (b"gpt/gone", None) in records
        assert (b"gpt/back", None) not in records


@pytest.mark.parametrize("days", [0, 2])
async def test_that_old_words_do_not_count(embedded: Connection, days: int) -> None:
    async with _cluster(embedded) as cluster:
        event = ModelHealth(model="gpt", worker="w", at=datetime.now(UTC) - timedelta(days=days), errors=1.0)
        await cluster.put(event.to_json())
        worker = cluster.worker("new")
        await _until(lambda: worker.feed.caught_up)
        assert ("gpt" in worker.known()) is (days == 0)
