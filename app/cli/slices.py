"""Reading several topics in one pass, outside of any group: the partition of one run, or all since a moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.brokers.reach import reachable
from app.cli.client import Bounds, Client
from app.cli.reader import Reader
from app.partitions import partition_of
from topics.base import Topic

_FETCH_WAIT_MS = 25

Topics = Sequence[Topic[Any]]
Spans = Mapping[TopicPartition, Bounds]


async def of_run(client: Client, task_id: str, topics: Topics, *, whole: Topics = ()) -> list[Any]:
    """Return the records in the partition of `task_id` of each of `topics`, and all of the topics in `whole`.

    Those of a partition stand in their order. Topics that the broker does not have are left out, but for the first.

    Raises:
        BrokerError: the first topic does not exist, or the broker fails.
    """
    spans = await _bounds(client, [*topics, *whole])
    sizes = {place.topic: 1 + max(other.partition for other in spans if other.topic == place.topic) for place in spans}
    homes = {name: partition_of(task_id, sizes[name]) for name in map(client.full_name, topics) if name in sizes}
    mine = {place: span for place, span in spans.items() if homes.get(place.topic, place.partition) == place.partition}
    return await _read(client, mine, {place: span.begin for place, span in mine.items()})


async def since(client: Client, moment: float | None, topics: Topics, *, whole: Topics = ()) -> list[Any]:
    """Return the records of `topics` from `moment` (epoch seconds) on, or all, and all of the topics in `whole`.

    Those of a partition stand in their order. Topics that the broker does not have are left out, but for the first.

    Raises:
        BrokerError: the first topic does not exist, or the broker fails.
    """
    spans = await _bounds(client, [*topics, *whole])
    starts = {place: span.begin for place, span in spans.items()}
    names = {client.full_name(topic) for topic in topics}
    later = [place for place in spans if place.topic in names and moment is not None]
    records = await _read(client, spans, starts, later, moment or 0.0)
    # The embedded broker names an offset that may lie before the moment.
    return [one for one in records if moment is None or one.topic not in names or one.timestamp >= moment * 1000]


async def each(client: Client, moment: float | None, topic: Topic[Any]) -> AsyncGenerator[Any]:
    """Yield the records of `topic` from about `moment` (epoch seconds) on, or all: one by one, none is kept.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    spans = await _bounds(client, [topic])
    starts = {place: span.begin for place, span in spans.items()}
    later = spans if moment is not None else ()
    async with aclosing(_held(client, spans, starts, later, moment or 0.0)) as records:
        async for record in records:
            yield record


async def _bounds(client: Client, topics: Topics) -> Spans:
    known = await client.partitions()
    return await client.bounds([*topics[:1], *(topic for topic in topics[1:] if client.full_name(topic) in known)])


async def _read(
    client: Client,
    spans: Spans,
    starts: dict[TopicPartition, int],
    later: Collection[TopicPartition] = (),
    moment: float = 0.0,
) -> list[Any]:
    return [record async for record in _held(client, spans, starts, later, moment)]


async def _held(
    client: Client,
    spans: Spans,
    starts: dict[TopicPartition, int],
    later: Collection[TopicPartition],
    moment: float,
) -> AsyncGenerator[Any]:
    """Read each place from its start, or, where it is in `later`, from the first record of `moment` on."""
    if all(start >= spans[place].end for place, start in starts.items()):
        return  # a consumer that is stopped before it did anything raises CancelledError
    async with _consumer(client) as consumer:
        consumer.assign(list(spans))
        if later:
            found = await consumer.offsets_for_times(dict.fromkeys(later, int(moment * 1000)))
            starts |= {place: hit.offset if (hit := found.get(place)) else spans[place].end for place in later}
        for place, start in starts.items():
            consumer.seek(place, start)
        ends = {place: span.end for place, span in spans.items()}
        reader = Reader(consumer, starts, ends, partial(reachable, client.connection))
        async for record in reader.held():
            yield record


@asynccontextmanager
async def _consumer(client: Client) -> AsyncIterator[AIOKafkaConsumer]:
    connection = client.connection
    consumer = AIOKafkaConsumer(
        bootstrap_servers=connection.bootstrap_servers,
        **connection.client_options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=min(_FETCH_WAIT_MS, connection.fetch_wait_ms),
        max_partition_fetch_bytes=client.settings.topics.max_message_bytes,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
