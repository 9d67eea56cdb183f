from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from app.brokers.kafka import LocalKafka
from tests.integration import scenarios
from tests.integration.harness import SHORT_SESSION, Deployment, deploy, question

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

# How many tasks in all, how many a second, and how often something happens meanwhile, in seconds.
PACE = {
    "kill": (250, 10, 9.0),
    "roll": (150, 10, 6.0),
    "storm": (200, 10, 4.0),
    "restart-broker": (100, 10, 8.0),
    "crash-broker": (100, 10, 8.0),
    "mixed": (200, 10, 12.0),
}
# More calls than this are hardly ever in flight: 30 begin each second, and more after a pause. Only those may
# be made again, when their worker or their partition goes.
AT_ONCE = 60


def thinking() -> float:
    return random.uniform(0.05, 0.8)  # noqa: S311  # chance, not secrecy


async def run(mode: str, kafka: LocalKafka, folder: Path) -> None:
    tasks, rate, interval = PACE[mode]
    async with deploy(kafka.connection.bootstrap_servers, folder, delay=thinking) as deployment:
        await deployment.workers.start(3)
        disturb = scenarios.MODES[mode]
        report = await scenarios.run(deployment, kafka, disturb, tasks=tasks, rate=rate, interval=interval)
    assert report.disturbances > 0, report
    assert report.missing == (), report
    assert report.differing == (), report
    assert report.statuses == {"succeeded": tasks}, report
    assert report.repaid == 0, report
    assert report.repeated <= AT_ONCE * report.disturbances, report


async def test_killed_workers_lose_nothing_and_pay_nothing_twice(own_kafka: LocalKafka, tmp_path: Path) -> None:
    await run("kill", own_kafka, tmp_path)


@pytest.mark.parametrize("mode", ["roll", "storm"])
async def test_partitions_that_move_repeat_only_what_was_in_flight(
    mode: str, own_kafka: LocalKafka, tmp_path: Path
) -> None:
    await run(mode, own_kafka, tmp_path)


@pytest.mark.parametrize("mode", ["restart-broker", "crash-broker", "mixed"])
async def test_a_broker_that_is_away_for_a_while_loses_nothing(
    mode: str, own_kafka: LocalKafka, tmp_path: Path
) -> None:
    await run(mode, own_kafka, tmp_path)


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


async def test_what_arrives_while_a_rebalance_ends_is_not_passed_over(own_kafka: LocalKafka, tmp_path: Path) -> None:
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


async def test_a_worker_stops_in_order_though_its_broker_is_away(own_kafka: LocalKafka, tmp_path: Path) -> None:
    async with deploy(own_kafka.connection.bootstrap_servers, tmp_path) as deployment:
        (worker,) = await deployment.workers.start()
        await own_kafka.kill()
        try:
            await deployment.workers.stop(worker)
        finally:
            await own_kafka.start()
        await deployment.workers.start()
        await deployment.traffic.feed(question(1))
        await deployment.traffic.until(lambda: "t1" in deployment.traffic.results, seconds=60)
