"""What the orchestrator expects of every broker it runs on."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.brokers.base import Connection
from app.brokers.kafka import LocalKafka
from app.brokers.open import open_broker
from app.brokers.topics import InternalTopic, ensure_topics, topic_name
from app.errors import BrokerError
from app.settings import BrokerSettings, TopicOverride, TopicSettings
from testkit.cluster.jvm_options import QUICK
from topics import ALL, DEAD_LETTERS, RESULTS, TASKS

BROKERS = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture(params=BROKERS)
def connection(request: pytest.FixtureRequest) -> Connection:
    found: Connection = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def settings() -> TopicSettings:
    return TopicSettings(prefix=f"t{secrets.token_hex(4)}.", partitions=3)


async def produce(connection: Connection, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=connection.bootstrap_servers,
        acks="all",
        enable_idempotence=connection.durable,
        max_request_size=20_000_000,
        **connection.client_options,
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=b"k", partition=1, headers=[("ce_id", b"1"), ("n", b"\x00\xff")])
    finally:
        await producer.stop()


async def consume(connection: Connection, topic: str) -> tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=connection.bootstrap_servers,
        fetch_max_wait_ms=connection.fetch_wait_ms,
        **connection.client_options,
    )
    await consumer.start()
    try:
        partition = TopicPartition(topic, 1)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        record = await asyncio.wait_for(consumer.getone(), 20)
        return record.key, record.value, record.headers
    finally:
        await consumer.stop()


async def partitions(connection: Connection, names: list[str]) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=connection.bootstrap_servers)
    await admin.start()
    try:
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)}
    finally:
        await admin.close()


async def test_all_topics_exist_with_the_same_number_of_partitions(
    connection: Connection, settings: TopicSettings
) -> None:
    runs = InternalTopic(f"{settings.prefix}meta-ai-runs", compacted=True)
    await ensure_topics(connection, settings, [runs])
    names = [runs.name, *(topic_name(settings, topic) for topic in ALL)]
    assert await partitions(connection, names) == dict.fromkeys(names, 3)


async def test_a_message_comes_back_with_its_key_and_headers(connection: Connection, settings: TopicSettings) -> None:
    await ensure_topics(connection, settings)
    name = topic_name(settings, TASKS)
    await produce(connection, name, b'{"input":{}}')
    assert await consume(connection, name) == (b"k", b'{"input":{}}', (("ce_id", b"1"), ("n", b"\x00\xff")))


async def test_a_message_of_the_largest_size_comes_back(connection: Connection, settings: TopicSettings) -> None:
    await ensure_topics(connection, settings)
    name, value = topic_name(settings, DEAD_LETTERS), os.urandom(settings.max_message_bytes)
    await produce(connection, name, value)
    assert (await consume(connection, name))[1] == value


async def test_ensuring_again_is_harmless(connection: Connection, settings: TopicSettings) -> None:
    await ensure_topics(connection, settings)
    await produce(connection, topic_name(settings, RESULTS), b"{}")
    await ensure_topics(connection, settings)
    assert (await consume(connection, topic_name(settings, RESULTS)))[1] == b"{}"


async def test_many_workers_may_ensure_at_once(connection: Connection, settings: TopicSettings) -> None:
    await asyncio.gather(*(ensure_topics(connection, settings) for _ in range(4)))
    name = topic_name(settings, TASKS)
    assert await partitions(connection, [name]) == {name: 3}


async def test_another_number_of_partitions_is_an_error_with_the_fix(
    connection: Connection, settings: TopicSettings
) -> None:
    await ensure_topics(connection, settings)
    more = settings.model_copy(update={"partitions": 5})
    with pytest.raises(BrokerError, match=r"has 3 partitions, but topics\.partitions is 5; set it to 3"):
        await ensure_topics(connection, more)


@pytest.mark.kafka
async def test_a_refused_topic_is_named_with_the_reason(kafka: Connection, settings: TopicSettings) -> None:
    with pytest.raises(BrokerError, match=r"refuses to create the topic t\w+\.tasks: .*replication"):
        await ensure_topics(kafka, settings.model_copy(update={"replication": 3}))


@pytest.mark.kafka
async def test_the_configuration_reaches_the_topics(kafka: Connection, settings: TopicSettings) -> None:
    own = TopicOverride(retention=60.0, compact=True)
    await ensure_topics(kafka, settings.model_copy(update={"overrides": {"results": own}}))
    assert await config(kafka, topic_name(settings, RESULTS)) == {
        "cleanup.policy": "compact,delete",
        "retention.ms": "60000",
        "max.message.bytes": str(16 * 1024 * 1024),
    }
    assert (await config(kafka, topic_name(settings, DEAD_LETTERS)))["max.message.bytes"] == str(17 * 1024 * 1024)


async def config(connection: Connection, name: str) -> dict[str, str]:
    names = ["cleanup.policy", "retention.ms", "max.message.bytes"]
    admin = AIOKafkaAdminClient(bootstrap_servers=connection.bootstrap_servers)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(names))
        (answer,) = await admin.describe_configs([resource])
    finally:
        await admin.close()
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


@pytest.mark.parametrize("kind", BROKERS)
async def test_it_ends_with_the_block(kind: str, tmp_path: Path) -> None:
    async with open_broker(BrokerSettings(kind=kind, data_dir=tmp_path)) as connection:
        await partitions(connection, [])
    host, port = connection.bootstrap_servers.split(":")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


@pytest.mark.kafka
async def test_kafka_keeps_everything_over_a_restart_and_a_crash(tmp_path: Path, settings: TopicSettings) -> None:
    broker = LocalKafka(tmp_path / "data", jvm_options=QUICK)
    connection = await broker.start()
    try:
        await ensure_topics(connection, settings)
        await produce(connection, topic_name(settings, TASKS), b"{}")
        await broker.stop()
        assert await broker.start() == connection
        assert (await consume(connection, topic_name(settings, TASKS)))[1] == b"{}"
        await produce(connection, topic_name(settings, RESULTS), b"{}")
        await broker.kill()
        assert await broker.start() == connection
        assert (await consume(connection, topic_name(settings, RESULTS)))[1] == b"{}"
    finally:
        await broker.stop()
