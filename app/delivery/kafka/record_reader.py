"""Read single records, by topic, partition and offset."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app.errors import BrokerError

#: A broker returns at least one batch, however large: so this only keeps what lies behind it from coming along.
_FETCH_BYTES = 16 * 1024
_FETCH_WAIT_MS = 5
_SECONDS = 10.0


class RecordReader:
    """Reads one record at a time with one consumer; `options` are those of any aiokafka client."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._consumer: AIOKafkaConsumer | None = None
        self._one_at_a_time = asyncio.Lock()

    async def read(self, topic: str, partition: int, offset: int) -> Any:
        """Return the record, or None if the topic does not keep it any more.

        Raises:
            BrokerError: the broker does not return it in time.
        """
        place = TopicPartition(topic, partition)
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_SECONDS):
                    return await self._read(place, offset)
            except (KafkaError, TimeoutError) as error:
                await self.close()
                raise BrokerError(f"the broker did not return a record of {topic}: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close the connection; the next read opens another."""
        consumer, self._consumer = self._consumer, None
        if consumer:
            await consumer.stop()

    async def _read(self, place: TopicPartition, offset: int) -> Any:
        consumer = await self._open()
        consumer.assign([place])
        begin = (await consumer.beginning_offsets([place]))[place]
        if offset < begin:
            return None
        consumer.seek(place, offset)
        try:
            record = await consumer.getone(place)
        finally:
            consumer.unsubscribe()
        return record if record.offset == offset else None

    async def _open(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._options,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                max_partition_fetch_bytes=_FETCH_BYTES,
            )
            await consumer.start()
            self._consumer = consumer
        return self._consumer
