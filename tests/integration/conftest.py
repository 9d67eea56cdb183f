from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.brokers.kafka import LocalKafka
from testkit.cluster import toxiproxy
from testkit.cluster.jvm_options import QUICK


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalKafka]:
    """Apache Kafka for the tests of one module, which may stop it and start it again."""
    broker = LocalKafka(tmp_path_factory.mktemp("own-kafka"), jvm_options=QUICK)
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture(scope="session")
def toxiproxy_server(pytestconfig: pytest.Config) -> Path:
    """The program, built once into pytest's cache."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("toxiproxy is built with Go, which is not installed")
    assert pytestconfig.cache
    return toxiproxy.build(go, pytestconfig.cache.mkdir("toxiproxy"))
