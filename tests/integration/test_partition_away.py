from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from testkit.cluster.harness import Deployment, deploy, new_prefix, question
from testkit.cluster.two_nodes import AWAY, PARTITIONS, make_topics, two_nodes

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

HEALTHY = [partition for partition in range(PARTITIONS) if partition != AWAY]


async def _feed(deployment: Deployment, numbers: range) -> list[str]:
    """Feed tasks, and return their ids."""
    tasks = [question(number) for number in numbers]
    for task in tasks:
        await deployment.traffic.feed(task)
    return [str(task.id) for task in tasks]


async def _uncommitted(deployment: Deployment, partitions: Iterable[int]) -> int:
    """Return how many tasks of these partitions are not committed."""
    tps = [TopicPartition(f"{deployment.prefix}tasks", partition) for partition in partitions]
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.traffic.servers)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(deployment.group)
    finally:
        await admin.close()
    async with AIOKafkaConsumer(bootstrap_servers=deployment.traffic.servers) as consumer:
        ends = await consumer.end_offsets(tps)
    return sum(ends[tp] - max(0, committed[tp].offset if tp in committed else 0) for tp in tps)


async def _written(deployment: Deployment) -> Counter[bytes]:
    """Return how many records of each key the healthy partitions of the state hold."""
    tps = [TopicPartition(f"{deployment.prefix}{deployment.settings.app_id}-runs", number) for number in HEALTHY]
    found: Counter[bytes] = Counter()
    async with AIOKafkaConsumer(bootstrap_servers=deployment.traffic.servers, auto_offset_reset="earliest") as consumer:
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.update(record.key for record in records)
    return found


async def test_that_a_state_without_a_leader_holds_up_no_other_partition(tmp_path: Path) -> None:
    """Its events still come and change it, so that there is always something of it to write."""
    prefix = new_prefix()
    runs = f"{prefix}{prefix}app-runs"
    async with two_nodes(tmp_path / "kafka") as cluster:
        await make_topics(cluster.servers, prefix, away=[runs])
        async with deploy(cluster.servers, tmp_path, delay=lambda: 1.0, prefix=prefix) as deployment:
            await deployment.workers.start(1)
            results = deployment.traffic.results
            early = await _feed(deployment, range(40))
            await asyncio.sleep(0.5)  # their calls are under way: the state of each is still to be written
            await cluster.second.kill()
            late = await _feed(deployment, range(40, 100))
            await deployment.traffic.until(lambda: results.keys() >= {*early, *late}, seconds=30)
            async with asyncio.timeout(20):
                while await _uncommitted(deployment, HEALTHY):  # noqa: ASYNC110  # the broker tells nobody
                    await asyncio.sleep(0.5)
            # Each run writes its head and a few steps; a writer that all wait for wrote each again and again.
            assert max((await _written(deployment)).values()) <= 10
            await cluster.second.start()
            async with asyncio.timeout(40):
                while await _uncommitted(deployment, range(PARTITIONS)):  # noqa: ASYNC110  # likewise
                    await asyncio.sleep(0.5)
            assert {values[-1].status for values in results.values()} == {"succeeded"}
