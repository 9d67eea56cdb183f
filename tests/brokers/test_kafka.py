from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.brokers import data_dir, distribution
from app.brokers.kafka import LocalKafka, run
from app.brokers.ports import LOOPBACK
from app.errors import BrokerError
from app.settings import BrokerSettings

pytestmark = pytest.mark.kafka


async def test_a_port_in_use_frees_the_data_again(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server, pytest.raises(BrokerError, match="is in use"):
        await LocalKafka(tmp_path, server.getsockname()[1]).start()
    async with run(BrokerSettings(kind="kafka", data_dir=tmp_path)) as connection:
        assert connection.durable


async def test_two_do_not_share_their_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_dir, "_PATIENCE_SECONDS", 0.2)
    first = LocalKafka(tmp_path)
    await first.start()
    try:
        with pytest.raises(BrokerError, match="belongs to a Kafka"):
            await LocalKafka(tmp_path).start()
        with pytest.raises(BrokerError, match="is already running"):
            await first.start()
    finally:
        await first.stop()
    await first.stop()


async def test_a_wrong_property_shows_kafkas_own_words(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"(?s)Kafka cannot format.*num\.partitions"):
        await LocalKafka(tmp_path, properties={"num.partitions": "many"}).start()


async def test_a_broken_log_shows_kafkas_own_words(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(BrokerError, match=r"(?s)exited during its start.*meta\.properties"):
        await LocalKafka(tmp_path).start()


def test_java_is_there() -> None:
    assert distribution.java_executable().is_file()
