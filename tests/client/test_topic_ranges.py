from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client import topic_ranges
from app.client.client import Client, attach
from app.errors import BrokerError
from app.partitioner import partition_of
from app.runs import history_reader
from app.runs.history_reader import runs_topic
from app.settings import Settings, TopicSettings
from tests.cli.runlog import answered, publish
from topics import RESULTS, STEP_REQUESTS, TASKS
from topics.base import Topic
from topics.tasks import Task


def _settings() -> Settings:
    return Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=4))


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = _settings()
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def _put(client: Client, topic: Topic[Any], *keys: str) -> None:
    for key in keys:
        await (await client.send(topic, key, Task(id=key, input={}), id=key))


async def _of_run(client: Client, task_id: str, topics: list[Topic[Any]], **options: Any) -> list[Any]:
    return [record async for record in topic_ranges.iterate_run(client, task_id, topics, **options)]


async def test_the_partition_of_a_run_is_read_in_all_topics_at_once(client: Client) -> None:
    keys = [f"q-{number}" for number in range(20)]
    await _put(client, TASKS, *keys)
    await _put(client, RESULTS, *keys)
    home = [key.encode() for key in keys if partition_of(key, 4) == partition_of("q-1", 4)]
    records = await _of_run(client, "q-1", [TASKS, STEP_REQUESTS, RESULTS])
    for topic in (TASKS, RESULTS):
        assert [record.key for record in records if record.topic == client.full_name(topic)] == home
    assert {record.partition for record in records} == {partition_of("q-1", 4)}
    whole = await _of_run(client, "q-1", [TASKS], whole=[RESULTS])
    assert len([record for record in whole if record.topic == client.full_name(RESULTS)]) == len(keys)


async def test_a_topic_that_is_absent_is_skipped(client: Client) -> None:
    await _put(client, TASKS, "q-1")
    absent = runs_topic(client.settings)
    assert len(await _of_run(client, "q-1", [TASKS, absent])) == 1
    assert len(await topic_ranges.read_since(client, None, [TASKS], whole=[absent])) == 1
    with pytest.raises(BrokerError, match="there is no topic"):
        await _of_run(client, "q-1", [absent, TASKS])


async def test_what_came_before_the_moment_is_skipped_but_where_all_is_wanted(client: Client) -> None:
    await _put(client, TASKS, "old")
    await _put(client, RESULTS, "old")
    moment = time.time() + 0.01
    while time.time() <= moment + 0.01:
        await _put(client, TASKS, "new")
    records = await topic_ranges.read_since(client, moment, [TASKS], whole=[RESULTS])
    assert {(record.topic.removeprefix(client.settings.topics.prefix), record.key) for record in records} == {
        (TASKS.name, b"new"),
        (RESULTS.name, b"old"),
    }
    assert len(await topic_ranges.read_since(client, None, [RESULTS])) == 1


async def test_a_run_comes_back_from_the_broker_as_it_was(client: Client) -> None:
    log = answered()
    await publish(client, log)
    history, made = await history_reader.read(client, "q-1"), log.history()
    for found, sent in ((history.requests, made.requests), (history.answers, made.answers)):
        assert sent
        assert {name: one.event for name, one in found.items()} == {name: one.event for name, one in sent.items()}
    assert history.result is not None
    assert made.result is not None
    assert history.result.event == made.result.event
    assert not (await history_reader.read(client, "q-2")).known


async def test_records_come_one_by_one_all_or_those_since_a_moment(client: Client) -> None:
    assert [record async for record in topic_ranges.iterate(client, None, RESULTS)] == []
    await _put(client, RESULTS, *(f"old-{number}" for number in range(9)))
    moment = time.time() + 0.01
    while time.time() <= moment + 0.01:
        await _put(client, RESULTS, "new")
    found = [record async for record in topic_ranges.iterate(client, None, RESULTS)]
    assert {record.key for record in found} == {b"new", *(b"old-%d" % number for number in range(9))}
    wanted = {(record.partition, record.offset) for record in found if record.timestamp >= moment * 1000}
    later = {(record.partition, record.offset) async for record in topic_ranges.iterate(client, moment, RESULTS)}
    assert wanted
    assert wanted <= later
    with pytest.raises(BrokerError, match="there is no topic"):
        [record async for record in topic_ranges.iterate(client, None, runs_topic(client.settings))]
