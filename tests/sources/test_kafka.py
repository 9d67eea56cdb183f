from __future__ import annotations

import secrets
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers.base import Connection
from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.sources.base import Item
from app.sources.conformance import probe_source
from app.sources.kafka import KafkaSource


@pytest.fixture
async def topic(embedded: Connection) -> str:
    """A topic with three messages, of which the last has no value."""
    name = f"articles-{secrets.token_hex(4)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=embedded.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    await admin.close()
    await send(embedded, name, (b"a", b'{"title": "A", "n": 1}', 0), (b"b", b"Beta", 1), (b"c", None, 0))
    return name


async def send(broker: Connection, topic: str, *messages: tuple[bytes | None, bytes | None, int]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    for key, value, partition in messages:
        await producer.send_and_wait(topic, value, key=key, partition=partition)
    await producer.stop()


def source(broker: Connection, topic: str, **options: Any) -> KafkaSource:
    url = f"kafka://{broker.bootstrap_servers}/{topic}"
    return KafkaSource.from_settings("k", SourceSettings(kind="kafka", url=url, options=options, timeout=5))


async def items(found: KafkaSource, position: Any = None) -> list[Item]:
    return [item async for item in found.items(position)]


async def test_that_messages_are_items_and_go_on_where_they_ended(embedded: Connection, topic: str) -> None:
    found = source(embedded, topic)
    first = await items(found)
    assert sorted((one.id, one.deleted) for one in first) == [("a", False), ("b", False), ("c", True)]
    assert first[-1].position == {"0": 2, "1": 1}
    assert await items(found, first[-1].position) == []
    await send(embedded, topic, (b"a", b"new", 0), (None, b"of nothing", 1))
    (again,) = await items(found, first[-1].position)
    assert (again.id, (await found.read(again)).data) == ("a", b"new")


async def test_that_a_template_writes_the_fields_of_json(embedded: Connection, topic: str) -> None:
    found = source(embedded, topic, template="# {title}\n\n{n}")
    by_id = {one.id: one for one in await items(found)}
    assert (await found.read(by_id["a"])).data == b"# A\n\n1"
    with pytest.raises(SourceError, match="it is not JSON"):
        await found.read(by_id["b"])
    with pytest.raises(SourceError, match="it has no field titel"):
        await source(embedded, topic, template="{titel}").read(by_id["a"])


async def test_that_it_keeps_every_promise(embedded: Connection, topic: str) -> None:
    found = [check async for check in probe_source(lambda: source(embedded, topic))]
    assert [(check.name, check.detail) for check in found if check.status == "fail"] == []


async def test_that_a_cluster_that_is_away_is_said_to_be() -> None:
    settings = SourceSettings(kind="kafka", url="kafka://127.0.0.1:9/a", timeout=1)
    with pytest.raises(SourceUnavailable):
        await items(KafkaSource.from_settings("k", settings))


@pytest.mark.parametrize("url", ["127.0.0.1:9092", "kafka://127.0.0.1:9092", "http://a/b"])
def test_that_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.k\.url"):
        KafkaSource.from_settings("k", SourceSettings(kind="kafka", url=url))
