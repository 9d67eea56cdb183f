from __future__ import annotations

from pathlib import Path

import pytest

from app.brokers.kafka import LocalKafka
from testkit.cluster.harness import deploy, question
from tests.integration.prove import prove

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize("mode", ["restart-broker", "crash-broker", "mixed"])
async def test_a_broker_that_is_away_for_a_while_loses_nothing(
    mode: str, own_kafka: LocalKafka, tmp_path: Path
) -> None:
    await prove(mode, own_kafka, tmp_path)


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
