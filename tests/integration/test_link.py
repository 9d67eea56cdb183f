from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from app.brokers.kafka import LocalKafka
from app.brokers.ports import free_port
from tests.brokers.quick import QUICK
from tests.integration.harness import SHORT_SESSION, Deployment, deploy, question
from tests.integration.scenarios import repaid
from tests.integration.toxiproxy import Link, link
from tests.integration.workers import Workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TASKS = 100


@dataclass(frozen=True, slots=True)
class Doors:
    """Ports of one Kafka: it listens on `direct` and `behind`, and tells clients of the latter to come by `proxied`."""

    direct: int
    behind: int
    proxied: int


def properties(doors: Doors) -> dict[str, str]:
    host, controller = "127.0.0.1", free_port()
    return {
        "listeners": f"PLAINTEXT://{host}:{doors.direct},PROXIED://{host}:{doors.behind},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{doors.direct},PROXIED://{host}:{doors.proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{host}:{controller}",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    """A Kafka with two doors; a test puts its own link between the second and its workers."""
    found = Doors(free_port(), free_port(), free_port())
    broker = LocalKafka(tmp_path_factory.mktemp("doors"), found.direct, properties=properties(found), jvm_options=QUICK)
    await broker.start()
    yield found
    await broker.stop()


@asynccontextmanager
async def linked(
    server: Path, doors: Doors, folder: Path, *, delay: Callable[[], float] = lambda: 0.2, session_timeout: float = 6.0
) -> AsyncIterator[tuple[Deployment, Link]]:
    """Yield a deployment without workers, and the link between these and Kafka."""
    servers, by_link = f"127.0.0.1:{doors.direct}", f"127.0.0.1:{doors.proxied}"
    async with (
        link(server, doors.proxied, doors.behind) as between,
        deploy(servers, folder, delay=delay, link=by_link, session_timeout=session_timeout) as deployment,
    ):
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
