"""A Kafka client: it sends events and reads topics, without a consumer group."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from app.brokers.base import Connection
from app.brokers.open import open_broker
from app.brokers.reachability import check_reachable
from app.client.reader import Reader
from app.delivery.envelope import Outgoing, headers
from app.delivery.kafka.header_names import accept_invalid_header_names
from app.errors import BrokerError
from app.settings import Settings
from app.telemetry.traceparent import child_traceparent
from topics.base import Event, Topic

#: Who sends events, by default.
SOURCE = "/meta-ai/cli"
# A broker named by its address may be an embedded one, which makes every fetch wait for the full time, and does not
# support idempotent producers: the ids of events make duplicates harmless anyway.
_FETCH_WAIT_MS = 25
_END_OFFSET_SECONDS = 10.0
# A broker returns at least one batch, however large: so this bounds the memory, not what can be read.
_FETCH_BYTES = 1024 * 1024

E = TypeVar("E", bound=Event)


class OffsetRange(NamedTuple):
    """The first offset of a partition, and the offset after the last."""

    begin: int
    end: int


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client of the broker in the settings.

    Raises:
        BrokerError: the broker cannot be reached, or fails while it is used.
    """
    # What it would log, it also raises; and it logs each of its endless attempts to reach a broker that has gone.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    accept_invalid_header_names()
    async with open_broker(settings.broker) as connection, attach(settings, connection) as client:
        yield client


@asynccontextmanager
async def attach(settings: Settings, connection: Connection, *, source: str = SOURCE) -> AsyncIterator[Client]:
    """Yield a client of a broker that is already open; its events say that `source` has sent them.

    Raises:
        BrokerError: the broker fails while it is used.
    """
    async with AsyncExitStack() as stack:
        try:
            yield Client(settings, connection, stack, source)
        except MessageSizeTooLargeError as error:
            raise BrokerError("an event is larger than topics.max_message_bytes allows") from error
        except KafkaError as error:
            place = connection.bootstrap_servers
            raise BrokerError(f"the broker at {place} failed: {type(error).__name__}") from error


class Client:
    """Sends events and reads topics; what it opens is closed with `stack`."""

    def __init__(self, settings: Settings, connection: Connection, stack: AsyncExitStack, source: str) -> None:
        self.settings = settings
        self.connection = connection
        self._options = connection.options
        self._stack = stack
        self._source = source
        self._opening = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    def full_name(self, topic: Topic[Any]) -> str:
        """Return the topic's name with the configured prefix."""
        return self.settings.topics.prefix + topic.name

    async def send(
        self,
        topic: Topic[E],
        key: str,
        event: E,
        *,
        id: str,  # noqa: A002  # the event's
        partition: int | None = None,
    ) -> asyncio.Future[Any]:
        """Add an event to the next batch; the future resolves when the broker has it."""
        outgoing = Outgoing(topic, key, event, id, partition)
        record_headers = headers(outgoing, source=self._source, cause=None, traceparent=child_traceparent(None))
        return await self.put(self.full_name(topic), key.encode(), event.to_json(), record_headers, partition)

    async def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        record_headers: Sequence[tuple[str, bytes | None]],
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> asyncio.Future[Any]:
        """Add a raw message to the next batch; `topic` is the full name. Without a partition the key decides.

        `timestamp` is in milliseconds since 1970; without one it is now.
        """
        producer = await self._open_producer()
        sent: asyncio.Future[Any] = await producer.send(
            topic, key=key, value=value, headers=list(record_headers), partition=partition, timestamp_ms=timestamp
        )
        return sent

    @asynccontextmanager
    async def read(self, topic: Topic[Any], *, from_beginning: bool = False) -> AsyncIterator[Reader]:
        """Yield a reader of the records in the topic, or else of those that arrive from now on.

        Raises:
            BrokerError: there is no such topic.
        """
        async with self.consumer() as consumer:
            ranges = await _offset_ranges(consumer, await self._topic_partitions([topic]))
            starts = {place: span.begin if from_beginning else span.end for place, span in ranges.items()}
            for place, start in starts.items():
                consumer.seek(place, start)
            ends = {place: span.end for place, span in ranges.items()}
            yield Reader(consumer, starts, ends, partial(check_reachable, self.connection))

    async def bounds(self, topics: Sequence[Topic[Any]]) -> dict[TopicPartition, OffsetRange]:
        """Return the first and end offset of each partition of `topics`.

        Raises:
            BrokerError: one of them does not exist.
        """
        return await self.offset_ranges(await self._topic_partitions(topics))

    async def offset_ranges(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetRange]:
        """Return the first and end offset of each partition."""
        async with self.consumer() as consumer:
            return await _offset_ranges(consumer, places)

    async def committed(self, group: str, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the committed offset of `group` for each partition; 0 if there is none."""
        admin = await self.admin()
        # The partitions are named because the embedded broker answers a request for all in another format.
        found = await admin.list_consumer_group_offsets(group, partitions=list(places))
        return {place: max(0, at.offset) for place, at in found.items()}

    async def partitions(self) -> dict[str, int]:
        """Return the number of partitions of each topic of the broker, by full name."""
        admin = await self.admin()
        described: Sequence[Mapping[str, Any]] = await admin.describe_topics()
        return {topic["topic"]: len(topic["partitions"]) for topic in described}

    async def admin(self) -> AIOKafkaAdminClient:
        """Return the administration client, opened on first use."""
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(**self._options)
            self._stack.push_async_callback(self._admin.close)
            await self._admin.start()
        return self._admin

    async def _topic_partitions(self, topics: Sequence[Topic[Any]]) -> list[TopicPartition]:
        known, names = await self.partitions(), [self.full_name(topic) for topic in topics]
        for name in names:
            if name not in known:
                place = self.connection.bootstrap_servers
                raise BrokerError(f"there is no topic {name} at {place}; create all with: meta-ai topics create")
        return [TopicPartition(name, number) for name in names for number in range(known[name])]

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Yield a consumer without a group, which has no partitions yet."""
        consumer = AIOKafkaConsumer(
            **self._options,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=min(_FETCH_WAIT_MS, self.connection.fetch_wait_ms),
            max_partition_fetch_bytes=min(_FETCH_BYTES, self.settings.topics.max_message_bytes),
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _open_producer(self) -> AIOKafkaProducer:
        async with self._opening:  # of several that send at once, one opens it for all
            if self._producer is None:
                limit = self.settings.topics.max_request_bytes
                producer = AIOKafkaProducer(**self._options, acks="all", max_request_size=limit)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._stack.push_async_callback(producer.stop)
                self._producer = producer
        return self._producer


async def _offset_ranges(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]
) -> dict[TopicPartition, OffsetRange]:
    consumer.assign(places)
    begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    for place, end in ends.items():
        consumer.seek(place, end)
    # The embedded broker reports the first offset of the last batch as the end: only that of a fetch is right.
    until = time.monotonic() + _END_OFFSET_SECONDS
    while any(consumer.highwater(place) is None for place in places):
        if time.monotonic() > until:
            raise BrokerError(
                f"the broker did not report the end offsets of its partitions within {_END_OFFSET_SECONDS:g} s"
            )
        await consumer.getmany(timeout_ms=_FETCH_WAIT_MS)
    return {place: OffsetRange(begins[place], max(ends[place], consumer.highwater(place))) for place in places}
