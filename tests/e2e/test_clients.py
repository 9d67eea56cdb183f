"""Producers and consumers in other languages: tasks reach their home partition, and results are read."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.partitioner import partition_of
from tests.e2e.clients import PARTITIONS, Place, hosted, java, kafkajs, kcat, python
from tests.e2e.commands import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

Client = Callable[[Place], list[str]]
CLIENTS: dict[str, Client] = {"aiokafka": python, "kcat": kcat, "kafkajs": kafkajs, "java": java}


@pytest.fixture(scope="module", params=["kafka", "embedded"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with hosted(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_sends_to_the_home_partition_and_reads_every_result(place: Place, name: str) -> None:
    command = CLIENTS[name](place)
    good, bad = [f"{name}-{number}" for number in range(12)], f"{name}-fails"
    tasks = _tasks(good, place) + _tasks([bad], place, workflow="nobody-deployed-it")
    place.run(*command, "send", place.servers, text=tasks)
    shown = place.run(*command, "results", place.servers, str(place.sent))
    assert all(re.search(rf"^{id_} (succeeded: Ada|.*\"succeeded\")", shown, re.MULTILINE) for id_ in good)
    assert re.search(rf"^{bad} (failed: unknown_workflow: |.*\"unknown_workflow\")", shown, re.MULTILINE)
    found, ids = await _records(place), [*good, bad]
    assert {id_: found[id_] for id_ in ids} == {id_: [partition_of(id_, PARTITIONS)] for id_ in ids}


def _kcat_by_default(place: Place) -> list[str]:
    return _changed(kcat(place), place, "partitioner=murmur2_random", "partitioner=consistent_random")


def _kafkajs_of_old(place: Place) -> list[str]:
    return _changed(kafkajs(place), place, "Partitioners.DefaultPartitioner", "Partitioners.LegacyPartitioner")


def _changed(command: list[str], place: Place, old: str, new: str) -> list[str]:
    """Return the command of an example in which something is changed."""
    example = place.folder / command[1]
    source = example.read_text(encoding="utf-8")
    assert old in source
    copy = example.with_name(f"changed-{example.name}")
    copy.write_text(source.replace(old, new), encoding="utf-8")
    return [command[0], str(copy)]


@pytest.mark.parametrize("other", [_kcat_by_default, _kafkajs_of_old], ids=lambda other: other.__name__.strip("_"))
async def test_a_task_in_another_partition_is_sent_home_and_has_one_result(place: Place, other: Client) -> None:
    command = other(place)
    ids = [f"{other.__name__}-{number}" for number in range(12)]
    place.run(*command, "send", place.servers, text=_tasks(ids, place))
    results, found = await _results(place), await _records(place)
    assert all(results[id_]["status"] == "succeeded" for id_ in ids)
    homes = {id_: partition_of(id_, PARTITIONS) for id_ in ids}
    astray = [id_ for id_ in ids if found[id_][0] != homes[id_]]
    assert astray, "this partitioner is the one that the orchestrator uses"
    assert all(sorted(found[id_]) == sorted({found[id_][0], homes[id_]}) for id_ in ids)


def _tasks(ids: list[str], place: Place, *, workflow: str = "ask") -> str:
    place.sent += len(ids)
    tasks = [{"id": id_, "workflow": workflow, "input": {"question": "Who wrote it?"}} for id_ in ids]
    return "".join(json.dumps(task) + "\n" for task in tasks)


async def _records(place: Place) -> dict[str, list[int]]:
    """Return the partitions of each task's records, the producer's first."""
    found: dict[str, list[int]] = {}
    for record in sorted(await _all(place, "tasks"), key=lambda one: one.timestamp):
        found.setdefault(record.key.decode(), []).append(record.partition)
    return found


async def _results(place: Place) -> dict[str, dict[str, Any]]:
    """Return the result of each task, when all that were sent have one."""
    async with asyncio.timeout(PATIENCE):
        while len(records := await _all(place, "results")) < place.sent:  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.1)
    found = {record.key.decode(): json.loads(record.value) for record in records}
    assert len(records) == len(found), "each task has one result"
    return found


async def _all(place: Place, topic: str) -> list[Any]:
    async with AIOKafkaConsumer(bootstrap_servers=place.servers, fetch_max_wait_ms=100) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Any] = []
        # A worker leaves a transaction marker in each partition that it is assigned: an offset without a record.
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found
