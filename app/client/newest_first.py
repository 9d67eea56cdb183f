"""Read topics backwards: what came last comes first, and little is kept meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.brokers.reachability import check_reachable
from app.client.client import Client, OffsetRange
from app.client.reader import Reader
from app.client.topic_ranges import OffsetRanges

T = TypeVar("T")

#: So many offsets of a partition are read at a time.
_ROUND = 32


async def newest_first(
    client: Client, ranges: OffsetRanges, take: Callable[[Any], T]
) -> AsyncGenerator[tuple[TopicPartition, int, T]]:
    """Yield what `take` makes of each record in `ranges`, newest first, with its partition and offset.

    Records of a partition come in the reverse order of their offsets. Only what `take` returns is kept, of at most 32
    records of each partition.

    Raises:
        BrokerError: the broker fails.
    """
    ends = {place: span.end for place, span in ranges.items() if span.begin < span.end}
    if not ends:
        return  # a consumer that is stopped before its first fetch raises CancelledError
    held: dict[TopicPartition, list[tuple[int, int, T]]] = {place: [] for place in ends}
    async with client.consumer() as consumer:
        while ends:
            while wanted := {
                place: OffsetRange(max(ranges[place].begin, end - _ROUND), end)
                for place, end in ends.items()
                if not held[place] and end > ranges[place].begin
            }:
                async for record in _records(client, consumer, wanted):
                    place = TopicPartition(record.topic, record.partition)
                    held[place].append((record.timestamp, record.offset, take(record)))
                ends |= {place: span.begin for place, span in wanted.items()}
            ends = {place: end for place, end in ends.items() if held[place]}
            if ends:
                newest = max(ends, key=lambda place: held[place][-1][0])
                _, offset, made = held[newest].pop()
                yield newest, offset, made


async def _records(client: Client, consumer: AIOKafkaConsumer, ranges: OffsetRanges) -> AsyncGenerator[Any]:
    consumer.assign(list(ranges))
    for place, span in ranges.items():
        consumer.seek(place, span.begin)
    starts = {place: span.begin for place, span in ranges.items()}
    ends = {place: span.end for place, span in ranges.items()}
    async for record in Reader(consumer, starts, ends, partial(check_reachable, client.connection)).held():
        yield record
