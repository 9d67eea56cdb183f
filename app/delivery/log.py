"""Reading back what a partition's log says, when a worker takes the partition over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

#: A fetch that waits for more would hold up the questions for offsets behind it on the same connection.
_FETCH_WAIT_MS = 5

Read = Callable[[Any], None]


async def read_back(
    options: Mapping[str, Any],
    topic: str,
    partitions: Collection[int],
    read: Read,
    *,
    window: float,
) -> None:
    """Call `read` with each record of these partitions, oldest first, up to the end as it is now.

    Each partition is read from `window` seconds before its last record, in the log's own time: so a long
    pause of all workers loses nothing. `options` are those of any aiokafka client.
    """
    consumer = AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    await consumer.start()
    try:
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(wanted)
        ends = await consumer.end_offsets(wanted)
        starts = await _starts(consumer, ends, window)
        for tp, start in starts.items():
            consumer.seek(tp, start)
        left = {tp for tp in wanted if starts[tp] < ends[tp]}
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=1000)).values():
                for record in records:
                    read(record)
            left = {tp for tp in left if await consumer.position(tp) < end_of(consumer, tp, ends[tp])}
    finally:
        await consumer.stop()


def end_of(consumer: AIOKafkaConsumer, tp: TopicPartition, asked: int) -> int:
    """Return where a partition ends, of what the broker said when it was `asked` and when it was read.

    The embedded broker, when it is asked, says too little after a batch of several records.
    """
    return max(asked, consumer.highwater(tp) or 0)


async def _starts(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], window: float
) -> dict[TopicPartition, int]:
    """Return for each partition the first offset that lies within the window."""
    begins: dict[TopicPartition, int] = await consumer.beginning_offsets(list(ends))
    last = await _last_timestamps(consumer, {tp: end for tp, end in ends.items() if end > begins[tp]})
    since = {tp: int(at - window * 1000) for tp, at in last.items() if at > window * 1000}
    found = await consumer.offsets_for_times(since) if since else {}
    return {tp: max(begins[tp], hit.offset) if (hit := found.get(tp)) else begins[tp] for tp in ends}


async def _last_timestamps(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return the time of each partition's last record, in ms, where that record can still be read."""
    for tp, end in ends.items():
        consumer.seek(tp, end - 1)
    last: dict[TopicPartition, int] = {}
    while left := [tp for tp in ends if tp not in last]:
        batch = await consumer.getmany(*left, timeout_ms=1000)
        if not batch:  # compaction or a transaction marker took the very last offset
            break
        last.update({tp: records[-1].timestamp for tp, records in batch.items()})
    return last
