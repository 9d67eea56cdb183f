"""Record the messages of one task, so that the baseline can move messages of exactly the same size."""

from __future__ import annotations

from base64 import b64encode

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.brokers.base import Connection
from topics import MODEL_REQUESTS, MODEL_RESPONSES, RESULTS, RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS

Sample = tuple[str, list[tuple[str, str]]]


async def take(connection: Connection, prefix: str, partitions: int) -> dict[str, Sample]:
    """Return, by topic without prefix, the value and headers of one message, in base64."""
    taken: dict[str, Sample] = {}
    for topic in (RETRIEVAL_REQUESTS, RETRIEVAL_RESULTS, MODEL_REQUESTS, MODEL_RESPONSES, RESULTS):
        tps = [TopicPartition(prefix + topic.name, number) for number in range(partitions)]
        consumer = AIOKafkaConsumer(bootstrap_servers=connection.bootstrap_servers, auto_offset_reset="earliest")
        async with consumer:
            consumer.assign(tps)
            record = await consumer.getone()
            headers = [(name, b64encode(value).decode()) for name, value in record.headers]
            taken[topic.name] = (b64encode(record.value).decode(), headers)
    return taken
