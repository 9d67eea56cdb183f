from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import agents
from app.admin.consumer_group import inspect
from app.brokers.base import Connection
from app.brokers.ports import free_port
from app.brokers.topics import ensure_topics
from app.client.client import attach
from app.errors import BrokerError
from app.settings import Settings
from app.worker.components import components
from app.worker.worker import Worker
from testkit.cluster.harness import SHORT_SESSION, configuration, deploy, question

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def worker(servers: str, prefix: str, **topics: int) -> Worker:
    raw = configuration(prefix, "http://127.0.0.1:9")
    settings = Settings.model_validate({**raw, "topics": {**raw["topics"], **topics}})
    return Worker(settings, Connection(servers), components(settings))


async def test_a_broker_that_is_away_at_the_start_is_named_in_one_line() -> None:
    servers = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerError) as raised:
        await worker(servers, "away-").start()
    assert servers in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_worker_whose_partition_count_differs_does_not_start(kafka: Connection) -> None:
    first, second = (
        worker(kafka.bootstrap_servers, "differs-"),
        worker(kafka.bootstrap_servers, "differs-", partitions=4),
    )
    await ensure_topics(kafka, first.settings.topics)
    with pytest.raises(BrokerError, match=r"has 8 partitions, but topics\.partitions is 4"):
        await second.start()


async def test_two_workers_share_the_partitions_and_each_has_the_same_of_all_topics(
    kafka: Connection, tmp_path: Path
) -> None:
    async with deploy(kafka.bootstrap_servers, tmp_path) as deployment:
        await deployment.workers.start(2)
        async with attach(deployment.settings, kafka) as client:
            found = await inspect(client)
        assert [worker.host for worker in found.workers] == ["127.0.0.1"] * 2
        shares = [set(map(frozenset, worker.partitions.values())) for worker in found.workers]
        assert [len(share) for share in shares] == [1, 1]  # one set of partitions, whatever the topic
        assert all(len(worker.partitions) == len(agents.needed(remote_stores=False)) for worker in found.workers)
        (one,), (other,) = shares
        assert one | other == frozenset(range(8))
        assert not one & other
        for number in range(20):
            await deployment.traffic.feed(question(number))
        await deployment.traffic.until(lambda: len(deployment.traffic.results) == 20, seconds=30)


async def test_a_model_that_never_answers_ends_the_run_at_its_deadline(kafka: Connection, tmp_path: Path) -> None:
    async with deploy(kafka.bootstrap_servers, tmp_path, delay=lambda: 3600.0, deadline="3s") as deployment:
        await deployment.workers.start()
        await deployment.traffic.feed(question(1))
        await deployment.traffic.until(lambda: "t1" in deployment.traffic.results, seconds=30)
        (found,) = deployment.traffic.results["t1"]
        assert found.status == "failed"
        assert found.error
        assert found.error.code == "deadline_exceeded"
        deployment.upstream.delay = lambda: 0.0
        await deployment.traffic.feed(question(2))
        await deployment.traffic.until(lambda: "t2" in deployment.traffic.results, seconds=30)
        assert deployment.traffic.results["t2"][0].status == "succeeded"


async def test_the_deadline_holds_when_the_worker_dies(kafka: Connection, tmp_path: Path) -> None:
    async with deploy(
        kafka.bootstrap_servers, tmp_path, delay=lambda: 3600.0, session_timeout=SHORT_SESSION, deadline="3s"
    ) as deployment:
        (first,) = await deployment.workers.start()
        await deployment.traffic.feed(question(1))
        await deployment.traffic.until(lambda: deployment.upstream.total == 3, seconds=30)
        await deployment.workers.kill(first)
        await deployment.workers.start()
        await deployment.traffic.until(lambda: "t1" in deployment.traffic.results, seconds=30)
        (found,) = deployment.traffic.results["t1"]
        assert found.error
        assert found.error.code == "deadline_exceeded"


async def test_a_run_whose_optional_retrieval_failed_is_answered_and_marked(kafka: Connection, tmp_path: Path) -> None:
    async with deploy(kafka.bootstrap_servers, tmp_path, faults=["failing_store"]) as deployment:
        await deployment.workers.start()
        await deployment.traffic.feed(question(1))
        await deployment.traffic.until(lambda: "t1" in deployment.traffic.results, seconds=30)
        (found,) = deployment.traffic.results["t1"]
        assert found.status == "succeeded"
        assert found.degraded
        reports = {report.step: report for report in found.steps}
        assert reports["retrieve"].error
        assert reports["retrieve"].error.code == "retrieval"
        assert len(deployment.traffic.dead) == 1


async def test_a_run_goes_on_in_another_worker_from_where_it_was(kafka: Connection, tmp_path: Path) -> None:
    async with deploy(
        kafka.bootstrap_servers, tmp_path, delay=lambda: 60.0, session_timeout=SHORT_SESSION
    ) as deployment:
        (first,) = await deployment.workers.start()
        await deployment.traffic.feed(question(1))
        await deployment.traffic.until(lambda: deployment.upstream.total == 3, seconds=30)
        await asyncio.sleep(2 * deployment.settings.delivery.commit_interval)
        deployment.upstream.delay = lambda: 0.0
        await deployment.workers.start()
        await deployment.workers.kill(first)
        await deployment.traffic.until(lambda: "t1" in deployment.traffic.results, seconds=30)
        (found,) = deployment.traffic.results["t1"]
        assert found.status == "succeeded"
        assert found.answer == "q1 by a, call 2"
        assert dict(deployment.traffic.retrieved) == {"t1/retrieve/retrieve/1": 1}
