from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.brokers.kafka import LocalKafka
from app.brokers.ports import free_port
from tests.integration.harness import Deployment, deploy, question
from tests.integration.scenarios import repaid
from tests.integration.toxiproxy import Link, link
from tests.integration.workers import Workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TASKS = 100


@asynccontextmanager
async def two_doors(folder: Path, direct: int, behind: int, proxied: int) -> AsyncIterator[None]:
    """Run a Kafka that listens on `direct` and `behind`, and tells clients of the latter to come by `proxied`."""
    controller = free_port()
    host = "127.0.0.1"
    properties = {
        "listeners": f"PLAINTEXT://{host}:{direct},PROXIED://{host}:{behind},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{direct},PROXIED://{host}:{proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{host}:{controller}",
    }
    broker = LocalKafka(folder, direct, properties=properties)
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


@asynccontextmanager
async def linked(
    server: Path, folder: Path, *, delay: Callable[[], float] = lambda: 0.2
) -> AsyncIterator[tuple[Deployment, Link]]:
    """Yield a deployment without workers, and the link between these and Kafka."""
    direct, behind, proxied = free_port(), free_port(), free_port()
    async with two_doors(folder / "kafka", direct, behind, proxied), link(server, proxied, behind) as between:
        servers, by_link = f"127.0.0.1:{direct}", f"127.0.0.1:{proxied}"
        async with deploy(servers, folder, delay=delay, link=by_link) as deployment:
            yield deployment, between


async def feed(deployment: Deployment) -> None:
    for number in range(TASKS):
        await deployment.traffic.feed(question(number))
        await asyncio.sleep(0.1)


async def check(deployment: Deployment) -> None:
    results = deployment.traffic.results
    await deployment.traffic.until(lambda: len(results) == TASKS, seconds=90)
    assert {values[-1].status for values in results.values()} == {"succeeded"}
    differing = {key for key, values in results.items() if len({str(value.answer) for value in values}) > 1}
    assert not differing
    assert all(process.returncode is None for process in deployment.workers)


async def test_a_link_that_is_cut_for_seconds_loses_nothing(toxiproxy_server: Path, tmp_path: Path) -> None:
    async with linked(toxiproxy_server, tmp_path) as (deployment, between):
        await deployment.workers.start(2)
        feeding = asyncio.create_task(feed(deployment))
        await asyncio.sleep(2)
        await between.cut()
        await asyncio.sleep(4)
        await between.join()
        await feeding
        await check(deployment)
        assert deployment.upstream.repeated == 0


async def test_a_link_that_swallows_everything_loses_nothing(toxiproxy_server: Path, tmp_path: Path) -> None:
    async with linked(toxiproxy_server, tmp_path) as (deployment, between):
        await deployment.workers.start(2)
        feeding = asyncio.create_task(feed(deployment))
        await asyncio.sleep(2)
        await between.swallow()
        await asyncio.sleep(4)
        await between.heal()
        await feeding
        await check(deployment)


async def test_a_slow_link_repeats_no_call(toxiproxy_server: Path, tmp_path: Path) -> None:
    async with linked(toxiproxy_server, tmp_path) as (deployment, between):
        await deployment.workers.start(2)
        await between.slow(400)
        await feed(deployment)
        await check(deployment)
        assert deployment.upstream.repeated == 0


async def test_a_worker_that_comes_back_after_its_partitions_went_changes_nothing(
    toxiproxy_server: Path, tmp_path: Path
) -> None:
    async with linked(toxiproxy_server, tmp_path, delay=lambda: random.uniform(0.05, 2)) as (deployment, between):  # noqa: S311  # chance
        other = Workers(deployment.traffic.servers, deployment.raw, tmp_path / "other.log")
        async with other:
            await asyncio.gather(deployment.workers.start(1), other.start(1))
            feeding = asyncio.create_task(feed(deployment))
            await asyncio.sleep(3)
            await between.swallow()
            await asyncio.sleep(2 * deployment.settings.broker.session_timeout)
            await between.heal()
            await feeding
            await check(deployment)
            await asyncio.sleep(5)  # for what the lost worker still has to say
            await check(deployment)
            # Until it learns that it was given up, it may begin what another has answered: a moment's worth of calls.
            assert repaid(deployment) <= deployment.upstream.total / 10
