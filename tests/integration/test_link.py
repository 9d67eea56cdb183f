from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from testkit.cluster.doors import Doors, kafka_with_doors, linked
from testkit.cluster.harness import SHORT_SESSION, Deployment, question
from testkit.cluster.scenarios import cut_off, overturned, repaid
from testkit.cluster.workers import Workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TASKS = 100


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    """A Kafka with two doors; a test puts its own link between the second and its workers."""
    async with kafka_with_doors(tmp_path_factory.mktemp("doors")) as found:
        yield found


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


async def test_a_link_that_is_cut_for_seconds_loses_nothing(
    toxiproxy_server: Path, doors: Doors, tmp_path: Path
) -> None:
    async with linked(toxiproxy_server, doors, tmp_path) as (deployment, between):
        await deployment.workers.start(2)
        feeding = asyncio.create_task(feed(deployment))
        await asyncio.sleep(2)
        await between.cut()
        await asyncio.sleep(4)
        await between.join()
        await feeding
        await check(deployment)
        assert deployment.upstream.repeated == 0


async def test_a_link_that_swallows_everything_loses_nothing(
    toxiproxy_server: Path, doors: Doors, tmp_path: Path
) -> None:
    async with linked(toxiproxy_server, doors, tmp_path) as (deployment, between):
        await deployment.workers.start(2)
        feeding = asyncio.create_task(feed(deployment))
        await asyncio.sleep(2)
        await between.swallow()
        await asyncio.sleep(4)
        await between.heal()
        await feeding
        await check(deployment)


async def test_a_slow_link_repeats_no_call(toxiproxy_server: Path, doors: Doors, tmp_path: Path) -> None:
    async with linked(toxiproxy_server, doors, tmp_path) as (deployment, between):
        await deployment.workers.start(2)
        await between.slow(400)
        await feed(deployment)
        await check(deployment)
        assert deployment.upstream.repeated == 0


async def test_a_worker_that_comes_back_after_its_partitions_went_changes_nothing(
    toxiproxy_server: Path, doors: Doors, tmp_path: Path
) -> None:
    delay = partial(random.uniform, 0.05, 2)
    scene = linked(toxiproxy_server, doors, tmp_path, delay=delay, session_timeout=SHORT_SESSION)
    async with scene as (deployment, between):
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


async def test_a_worker_that_was_cut_off_overturns_nothing_when_its_partitions_are_taken_over_again(
    toxiproxy_server: Path, doors: Doors, tmp_path: Path
) -> None:
    """What it writes late must not be what the next owner but one reads: a run that ended would go on, and fail."""
    deadline, delay = 20.0, partial(random.uniform, 0.05, 3)
    scene = linked(toxiproxy_server, doors, tmp_path, delay=delay, session_timeout=SHORT_SESSION, deadline=deadline)
    async with scene as (deployment, between):
        other = Workers(deployment.traffic.servers, deployment.raw, tmp_path / "other.log")
        async with other:
            await asyncio.gather(deployment.workers.start(1), other.start(1))
            feeding = asyncio.create_task(feed(deployment))
            await asyncio.sleep(3)
            await cut_off(deployment, between, other)
            await feeding
            await deployment.traffic.until(lambda: len(deployment.traffic.results) == TASKS, seconds=90)
            await asyncio.sleep(deadline)  # a run that was revived ends then
            assert overturned(deployment) == ()
            assert all(process.returncode is None for process in (*deployment.workers, *other))
