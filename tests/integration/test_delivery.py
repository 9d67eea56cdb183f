from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.brokers.kafka import LocalKafka
from testkit.cluster.harness import SHORT_SESSION, Deployment, deploy, question
from tests.integration.prove import prove

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


async def test_killed_workers_lose_nothing_and_pay_nothing_twice(own_kafka: LocalKafka, tmp_path: Path) -> None:
    await prove("kill", own_kafka, tmp_path)


@pytest.mark.parametrize("mode", ["roll", "storm"])
async def test_partitions_that_move_repeat_only_what_was_in_flight(
    mode: str, own_kafka: LocalKafka, tmp_path: Path
) -> None:
    await prove(mode, own_kafka, tmp_path)


IN_FLIGHT = 40


async def kill_amid_the_calls(deployment: Deployment) -> None:
    """Kill the only worker while it waits for all models, and start its successor."""
    upstream, workers, traffic = deployment.upstream, deployment.workers, deployment.traffic
    (worker,) = await workers.start()
    for number in range(IN_FLIGHT):
        await traffic.feed(question(number))
    await traffic.until(lambda: upstream.total == 3 * IN_FLIGHT, seconds=20)
    await asyncio.sleep(2 * deployment.settings.delivery.commit_interval)
    await workers.kill(worker)
    upstream.delay = lambda: 0.0
    await workers.start()


async def all_answered(deployment: Deployment) -> None:
    """Return when every task has its result; that takes the successor far less time than it is given."""
    await deployment.traffic.until(lambda: len(deployment.traffic.results) == IN_FLIGHT, seconds=15)


async def test_calls_in_flight_in_a_killed_worker_are_made_by_the_next(own_kafka: LocalKafka, tmp_path: Path) -> None:
    servers = own_kafka.connection.bootstrap_servers
    async with deploy(servers, tmp_path, delay=lambda: 30.0, session_timeout=SHORT_SESSION) as deployment:
        await kill_amid_the_calls(deployment)
        await all_answered(deployment)
        assert deployment.upstream.repeated == 3 * IN_FLIGHT


async def test_what_arrives_while_a_rebalance_ends_is_not_skipped(own_kafka: LocalKafka, tmp_path: Path) -> None:
    """Nothing of the requests is committed yet: only what is put back comes again."""
    servers = own_kafka.connection.bootstrap_servers
    async with deploy(servers, tmp_path, delay=lambda: 4.0, faults=["slow_rebalances"]) as deployment:
        doomed, _ = await deployment.workers.start(2)
        tasks = [question(number) for number in range(IN_FLIGHT)]
        for task in tasks:
            await deployment.traffic.feed(task)
        await deployment.traffic.until(lambda: deployment.upstream.total == 3 * IN_FLIGHT, seconds=20)
        await deployment.workers.kill(doomed)
        deployment.upstream.delay = lambda: 0.0
        wanted = {str(task.id) for task in tasks}
        await deployment.traffic.until(lambda: deployment.traffic.results.keys() >= wanted, seconds=40)


async def test_the_bare_frameworks_acknowledgements_lose_them(own_kafka: LocalKafka, tmp_path: Path) -> None:
    servers = own_kafka.connection.bootstrap_servers
    async with deploy(servers, tmp_path, delay=lambda: 30.0, faults=["bare_acks"]) as deployment:
        await kill_amid_the_calls(deployment)
        with pytest.raises(TimeoutError):
            await all_answered(deployment)
        assert deployment.upstream.repeated < 3 * IN_FLIGHT
