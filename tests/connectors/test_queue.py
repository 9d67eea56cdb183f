from __future__ import annotations

import secrets

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers.base import Connection
from app.connectors.conformance import probe_connector
from app.connectors.queue import QueueConnector
from app.errors import ConfigurationError, ConnectorError, ConnectorUnavailable
from app.settings import ConnectorSettings


@pytest.fixture
async def topic(embedded: Connection) -> str:
    name = f"orders-{secrets.token_hex(4)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=embedded.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1)])
    await admin.close()
    return name


def connector(servers: str, topic: str) -> QueueConnector:
    url = f"kafka://{servers}/{topic}"
    return QueueConnector.from_settings("q", ConnectorSettings(kind="queue", url=url, options={"max_bytes": 100}))


async def test_that_messages_are_put_on_the_topic(embedded: Connection, topic: str) -> None:
    found = connector(embedded.bootstrap_servers, topic)
    assert await found.run({"message": {"id": 1}, "key": "a"}, timeout=10) == {"partition": 0, "offset": 0}
    assert await found.run({"message": "text", "key": "b"}, timeout=10) == {"partition": 0, "offset": 1}
    with pytest.raises(ConnectorError, match=r"options\.max_bytes"):
        await found.run({"message": "x" * 101, "key": "b"}, timeout=10)
    with pytest.raises(ConnectorError, match=r"arguments\.key"):
        await found.run({"message": "x"}, timeout=10)
    await found.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=embedded.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    read = [await consumer.getone() for _ in range(2)]
    await consumer.stop()
    assert [(one.key, one.value) for one in read] == [(b"a", b'{"id":1}'), (b"b", b"text")]


async def test_that_it_keeps_every_promise(embedded: Connection, topic: str) -> None:
    found = connector(embedded.bootstrap_servers, topic)
    checks = [check async for check in probe_connector(found, {"message": "m", "key": "k"})]
    assert [(check.name, check.detail) for check in checks if check.status == "fail"] == []


async def test_that_a_cluster_that_is_away_may_be_asked_again() -> None:
    found = connector("127.0.0.1:9", "orders")
    with pytest.raises(ConnectorUnavailable):
        await found.run({"message": "m", "key": "k"}, timeout=2)
    await found.close()


@pytest.mark.parametrize("url", [None, "kafka://a", "http://a/b", "kafka://user:secret@a/b"])
def test_that_other_urls_are_refused(url: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.q\.url") as refused:
        QueueConnector.from_settings("q", ConnectorSettings(kind="queue", url=url))
    assert "secret" not in str(refused.value)
