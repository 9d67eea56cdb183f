"""Read ranges of several topics in one pass: the partition of one run, or everything since a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from aiokafka import TopicPartition

from app.brokers.reachability import check_reachable
from app.client.client import Client, OffsetRange
from app.client.reader import Reader
from app.partitioner import partition_of
from topics.base import Topic

Topics = Sequence[Topic[Any]]
OffsetRanges = Mapping[TopicPartition, OffsetRange]


async def iterate_run(
    client: Client, task_id: str, topics: Topics, *, whole: Topics = (), since: float | None = None
) -> AsyncGenerator[Any]:
    """Yield the records in the partition of `task_id` of each of `topics`, and all of the topics in `whole`.

    With `since` (epoch seconds), only later ones of `topics`, though the embedded broker may return earlier ones too.

    Records of a partition are in order. Topics that the broker does not have are skipped, except the first.

    Raises:
        BrokerError: the first topic does not exist, or the broker fails.
    """
    ranges = await _offset_ranges(client, [*topics, *whole])
    sizes = {
        place.topic: 1 + max(other.partition for other in ranges if other.topic == place.topic) for place in ranges
    }
    homes = {name: partition_of(task_id, sizes[name]) for name in map(client.full_name, topics) if name in sizes}
    mine = {place: span for place, span in ranges.items() if homes.get(place.topic, place.partition) == place.partition}
    later = [place for place in mine if place.topic in homes and since is not None]
    starts = {place: span.begin for place, span in mine.items()}
    async with aclosing(_records(client, mine, starts, later, since or 0.0)) as records:
        async for record in records:
            yield record


async def read_since(client: Client, moment: float | None, topics: Topics, *, whole: Topics = ()) -> list[Any]:
    """Return the records of `topics` from `moment` (epoch seconds) on, or all; and all of the topics in `whole`.

    Records of a partition are in order. Topics that the broker does not have are skipped, except the first.

    Raises:
        BrokerError: the first topic does not exist, or the broker fails.
    """
    ranges = await _offset_ranges(client, [*topics, *whole])
    starts = {place: span.begin for place, span in ranges.items()}
    names = {client.full_name(topic) for topic in topics}
    later = [place for place in ranges if place.topic in names and moment is not None]
    records = await _read_all(client, ranges, starts, later, moment or 0.0)
    # The embedded broker may return an offset before that time.
    return [one for one in records if moment is None or one.topic not in names or one.timestamp >= moment * 1000]


async def read_last(client: Client, count: int, topics: Topics) -> list[Any]:
    """Return the last records of each partition of `topics`, about `count` of them.

    Raises:
        BrokerError: the first topic does not exist, or the broker fails.
    """
    ranges = await _offset_ranges(client, topics)
    return await _read_all(client, ranges, {place: max(span.begin, span.end - count) for place, span in ranges.items()})


async def read_key(
    client: Client, topic: Topic[Any], partition: int, key: bytes, *, begin: int = 0, moment: float | None = None
) -> tuple[list[Any], int]:
    """Return the records of a key in a partition from the offset `begin`, or from `moment` (epoch seconds).

    Also returned is where the partition ends. Records of other keys are not kept meanwhile.

    Raises:
        BrokerError: the broker fails.
    """
    place = TopicPartition(client.full_name(topic), partition)
    span = (await client.bounds([topic]))[place]
    async with aclosing(_of_partition(client, place, span, begin, moment)) as found:
        return [record async for record in found if record.key == key], span.end


async def iterate_partition(
    client: Client, topic: Topic[Any], partition: int, *, begin: int = 0
) -> AsyncGenerator[Any]:
    """Yield the records of a partition from an offset on, one by one; none if there is no such partition.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    place = TopicPartition(client.full_name(topic), partition)
    span = (await client.bounds([topic])).get(place)
    if span is not None:
        async with aclosing(_of_partition(client, place, span, begin)) as records:
            async for record in records:
                yield record


def _of_partition(
    client: Client, place: TopicPartition, span: OffsetRange, begin: int = 0, moment: float | None = None
) -> AsyncGenerator[Any]:
    later = () if moment is None else (place,)
    return _records(client, {place: span}, {place: max(begin, span.begin)}, later, moment or 0.0)


async def iterate(client: Client, moment: float | None, topic: Topic[Any]) -> AsyncGenerator[Any]:
    """Yield the records of `topic` from about `moment` (epoch seconds) on, or all, one by one without keeping them.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    ranges = await _offset_ranges(client, [topic])
    starts = {place: span.begin for place, span in ranges.items()}
    later = ranges if moment is not None else ()
    async with aclosing(_records(client, ranges, starts, later, moment or 0.0)) as records:
        async for record in records:
            yield record


async def iterate_batches(client: Client, ranges: OffsetRanges) -> AsyncGenerator[tuple[TopicPartition, Sequence[Any]]]:
    """Yield the records of each partition within its offsets, in batches without keeping them.

    Raises:
        BrokerError: the broker fails.
    """
    starts = {place: span.begin for place, span in ranges.items()}
    async with aclosing(_batches(client, ranges, starts, (), 0.0)) as batches:
        async for batch in batches:
            yield batch


async def count_since(client: Client, moment: float, *topics: Topic[Any]) -> int:
    """Return about how many records `topics` have from `moment` (epoch seconds) on.

    Raises:
        BrokerError: a topic does not exist, or the broker fails.
    """
    ranges = {place: span for place, span in (await client.bounds(topics)).items() if span.begin < span.end}
    if not ranges:
        return 0
    async with client.consumer() as consumer:
        consumer.assign(list(ranges))
        found = await consumer.offsets_for_times(dict.fromkeys(ranges, int(moment * 1000)))
    return sum(span.end - max(span.begin, hit.offset) for place, span in ranges.items() if (hit := found.get(place)))


async def _offset_ranges(client: Client, topics: Topics) -> OffsetRanges:
    known = await client.partitions()
    return await client.bounds([*topics[:1], *(topic for topic in topics[1:] if client.full_name(topic) in known)])


async def _read_all(
    client: Client,
    ranges: OffsetRanges,
    starts: dict[TopicPartition, int],
    later: Collection[TopicPartition] = (),
    moment: float = 0.0,
) -> list[Any]:
    return [record async for record in _records(client, ranges, starts, later, moment)]


async def _records(
    client: Client,
    ranges: OffsetRanges,
    starts: dict[TopicPartition, int],
    later: Collection[TopicPartition],
    moment: float,
) -> AsyncGenerator[Any]:
    """Yield the records of `_batches` one by one."""
    async with aclosing(_batches(client, ranges, starts, later, moment)) as batches:
        async for _, records in batches:
            for record in records:
                yield record


async def _batches(
    client: Client,
    ranges: OffsetRanges,
    starts: dict[TopicPartition, int],
    later: Collection[TopicPartition],
    moment: float,
) -> AsyncGenerator[tuple[TopicPartition, Sequence[Any]]]:
    """Read each partition from its start, or, if it is in `later`, from the first record of `moment` on."""
    if all(start >= ranges[place].end for place, start in starts.items()):
        return  # a consumer that is stopped before its first fetch raises CancelledError
    async with client.consumer() as consumer:
        consumer.assign(list(ranges))
        if later:
            found = await consumer.offsets_for_times(dict.fromkeys(later, int(moment * 1000)))
            starts |= {place: hit.offset if (hit := found.get(place)) else ranges[place].end for place in later}
        for place, start in starts.items():
            consumer.seek(place, start)
        ends = {place: span.end for place, span in ranges.items()}
        reader = Reader(consumer, starts, ends, partial(check_reachable, client.connection))
        async for batch in reader.held_batches():
            yield batch
