from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher

import agents
from app.brokers.base import Connection
from app.delivery.kafka.header_names import TolerantRecords
from testkit.cluster.harness import SHORT_SESSION, Deployment, deploy, question
from tests.integration import garbage
from tests.integration.foreign import batch, produce
from topics import (
    CONSUMED,
    TASKS,
)
from topics.base import Topic
from topics.dead_letters import DeadLetter, original_headers
from topics.results import Result
from topics.tasks import Task

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

AGENTS: Mapping[str, str] = {agent.topic.name: agent.name for agent in agents.needed(remote_stores=False)}


def letters(deployment: Deployment) -> dict[str, ConsumerRecord]:
    return {DeadLetter.from_headers(record.headers).id: record for record in deployment.traffic.dead}


async def alive(deployment: Deployment, number: int) -> None:
    """See a good task go through, and everything before it committed."""
    task = question(number)
    await deployment.traffic.feed(task)
    await deployment.traffic.until(lambda: task.id in deployment.traffic.results, seconds=30)
    assert deployment.traffic.results[str(task.id)][-1].status == "succeeded"
    await eventually(lambda: deployment.traffic.lag(deployment.group), {})


async def eventually(ask: Callable[[], Awaitable[object]], wanted: object, *, tries: int = 100) -> None:
    for _ in range(tries):
        found = await ask()
        if found == wanted:
            return
        await asyncio.sleep(0.1)  # others need the cores
    raise AssertionError(found)


async def test_every_consumed_topic_is_tried() -> None:
    assert {topic.name for topic in CONSUMED} == set(AGENTS)


async def test_garbage_ends_in_the_dead_letters_as_it_came(
    kafka: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", TolerantRecords)  # we read what was sent, too
    async with deploy(kafka.bootstrap_servers, tmp_path, session_timeout=SHORT_SESSION) as deployment:
        (worker,) = await deployment.workers.start()
        sent = {topic.name: await send_garbage(deployment, topic) for topic in CONSUMED}
        places = {place for messages in sent.values() for place in messages}
        await deployment.traffic.until(lambda: letters(deployment).keys() >= places, seconds=60)
        assert letters(deployment).keys() == places
        for topic, messages in sent.items():
            for place, message in messages.items():
                check(letters(deployment)[place], place, message, AGENTS[topic])
        await alive(deployment, 1)
        # What a new owner reads back must not stop it either.
        await deployment.workers.kill(worker)
        await deployment.workers.start()
        await alive(deployment, 2)
        assert letters(deployment).keys() == places


async def test_garbage_on_our_own_topics_stops_no_worker(
    kafka: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", TolerantRecords)
    async with deploy(kafka.bootstrap_servers, tmp_path, session_timeout=SHORT_SESSION) as deployment:
        (worker,) = await deployment.workers.start()
        for name in ("chunks", "model-health", f"{deployment.group}-runs"):
            await send_garbage(deployment, Topic(name, Task, "", "", "", compacted=True))
        await alive(deployment, 1)
        await deployment.workers.kill(worker)
        await deployment.workers.start()
        await alive(deployment, 2)
        assert deployment.traffic.dead == []


async def send_garbage(deployment: Deployment, topic: Topic[Any]) -> dict[str, garbage.Message]:
    sent = {}
    # A compacted topic takes nothing that has no key, and a null value on `documents` deletes.
    fitting = [
        message
        for message in garbage.MESSAGES
        if (message.key is not None or not topic.compacted)
        and not (message.value is None and topic.tombstone)
        and (topic.bounded or message.reason != "too_large")
    ]
    for number, message in enumerate(fitting):
        tp = TopicPartition(deployment.prefix + topic.name, number % 8)
        offset = await produce(deployment.traffic.servers, tp, message.batch())
        sent[f"{tp.topic}/{tp.partition}/{offset}"] = message
    return sent


def check(record: ConsumerRecord, place: str, message: garbage.Message, agent: str) -> None:
    letter = DeadLetter.from_headers(record.headers)
    # Kafka's clients refuse a record with neither key nor value.
    assert record.key == (message.key if message.key is not None or message.value is not None else b""), message.name
    assert record.value == message.value, message.name
    assert original_headers(record.headers) == message.expected_headers(), message.name
    assert (letter.id, letter.reason, letter.agent) == (place, message.reason, agent), message.name
    assert letter.error


async def send_task(deployment: Deployment, value: bytes, key: bytes | None, partition: int, **options: Any) -> int:
    tp = TopicPartition(deployment.prefix + TASKS.name, partition)
    return await produce(deployment.traffic.servers, tp, batch(key, value, **{"headers": (), **options}))


async def result(deployment: Deployment, key: str) -> Result:
    await deployment.traffic.until(lambda: key in deployment.traffic.results, seconds=30)
    (only,) = deployment.traffic.results[key]
    return only


async def failure(deployment: Deployment, **fields: Any) -> str:
    """Return the code of the error with which a task ends."""
    task = Task.model_validate({"input": {"question": "why?"}, **fields})
    await deployment.traffic.feed(task)
    found = await result(deployment, str(task.id))
    assert found.status == "failed"
    assert found.error
    return found.error.code


async def test_a_task_that_cannot_be_run_ends_as_a_result_that_names_the_error(
    kafka: Connection, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start()
        assert await failure(deployment, id="w", workflow="no-such") == "unknown_workflow"
        assert await failure(deployment, id="q", input={}) == "invalid_input"
        assert await failure(deployment, id="e", input={"question": ""}) == "invalid_input"
        assert await failure(deployment, id="d", deadline=past) == "deadline_exceeded"
        assert deployment.upstream.total == 0
        await alive(deployment, 1)


async def test_a_tasks_id_is_its_own_or_else_its_key_or_else_its_place(kafka: Connection, tmp_path: Path) -> None:
    value = b'{"input": {"question": "who?"}, "colour": "unknown field"}'
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start()
        await send_task(deployment, value, b"by key", 0)
        long = await send_task(deployment, value, b"k" * 300, 1)
        await send_task(deployment, value, "schlüssel/ключ".encode(), crc32("schlüssel/ключ".encode()) % 8)
        place = await send_task(deployment, value, None, 3)
        await send_task(deployment, '{"id": "a/b/ü 🙂", "input": {"question": "who?"}}'.encode(), b"another key", 4)
        await send_task(deployment, value, b"garbage in headers", 5, headers=garbage.HEADERS)
        for key in (
            "by key",
            f"{deployment.prefix}tasks-1-{long}",
            "schlüssel/ключ",
            f"{deployment.prefix}tasks-3-{place}",
            "a/b/ü 🙂",
            "garbage in headers",
        ):
            assert (await result(deployment, key)).status == "succeeded"
        await alive(deployment, 1)
        assert letters(deployment) == {}


async def test_any_partitioner_of_the_producer_leads_to_one_run(kafka: Connection, tmp_path: Path) -> None:
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start(2)
        for partition in range(8):
            await send_task(deployment, question(1).to_json(), b"t1", partition)
        assert (await result(deployment, "t1")).status == "succeeded"
        await alive(deployment, 2)
        assert len(deployment.traffic.results["t1"]) == 1
        assert deployment.upstream.total == 6


async def test_an_id_that_comes_again_is_the_same_task_or_a_dead_letter(kafka: Connection, tmp_path: Path) -> None:
    first = Task(id="one", input={"question": "first?"})
    other = Task(id="one", input={"question": "other?"})
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start()
        for task in (first, first, other):
            await deployment.traffic.feed(task)
        await result(deployment, "one")
        await deployment.traffic.feed(first)
        await deployment.traffic.until(lambda: bool(deployment.traffic.dead), seconds=30)
        await alive(deployment, 1)
        (dead,) = deployment.traffic.dead
        assert dead.value == other.to_json()
        assert DeadLetter.from_headers(dead.headers).reason == "duplicate_id"
        assert len(deployment.traffic.results["one"]) == 1


async def test_an_id_that_is_too_long_is_a_dead_letter(kafka: Connection, tmp_path: Path) -> None:
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start()
        for id_ in ("i" * 201, ""):
            await send_task(deployment, f'{{"id": "{id_}", "input": {{"question": "?"}}}}'.encode(), b"k", 0)
        await deployment.traffic.until(lambda: len(deployment.traffic.dead) == 2, seconds=30)
        reasons = [DeadLetter.from_headers(record.headers).reason for record in deployment.traffic.dead]
        assert reasons == ["invalid", "invalid"]
        await alive(deployment, 1)


async def test_a_compressed_task_is_read(kafka: Connection, tmp_path: Path) -> None:
    codecs = ("gzip", "snappy", "lz4", "zstd")
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start()
        for codec in codecs:
            task = Task(id=codec, input={"question": "q" * 500})
            await send_task(deployment, task.to_json(), codec.encode(), 0, codec=codec)
        assert {codec: (await result(deployment, codec)).status for codec in codecs} == dict.fromkeys(
            codecs, "succeeded"
        )
