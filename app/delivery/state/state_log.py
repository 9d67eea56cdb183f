"""Reading back what a partition's log says, when a worker takes the partition over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.delivery.envelope import first

#: A fetch that waits for more would hold up the questions for offsets behind it on the same connection.
_FETCH_WAIT_MS = 5

#: The header in which a record tells how far back the log must be read to find all that lasts, in ms since the epoch.
_SINCE = "since"
#: How far, in seconds, the clocks of the broker and of workers may lie apart.
_SKEW = 60.0

Read = Callable[[Any], None]


def since_header(at: float) -> tuple[str, bytes]:
    """Return the header of a record after which the log must be read from `at` on, in epoch seconds."""
    return _SINCE, str(int(at * 1000)).encode()


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
    pause of all workers loses nothing. It is read from further back when the last record says so by
    `since_header`. `options` are those of any aiokafka client.
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
    last = await _last_records(consumer, {tp: end for tp, end in ends.items() if end > begins[tp]})
    since = {tp: at for tp, record in last.items() if (at := _since(record, window)) > 0}
    found = await consumer.offsets_for_times(since) if since else {}
    return {tp: max(begins[tp], hit.offset) if (hit := found.get(tp)) else begins[tp] for tp in ends}


def _since(record: Any, window: float) -> int:
    """Return from when on, in ms, a partition is read that ends with `record`."""
    since = int(record.timestamp - window * 1000)
    told = first(record.headers, _SINCE) or ""
    return min(since, int(told) - int(_SKEW * 1000)) if told.isascii() and told.isdigit() else since


async def _last_records(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
    """Return each partition's last record, where it can still be read."""
    for tp, end in ends.items():
        consumer.seek(tp, end - 1)
    last: dict[TopicPartition, Any] = {}
    while left := [tp for tp in ends if tp not in last]:
        batch = await consumer.getmany(*left, timeout_ms=1000)
        if not batch:  # compaction or a transaction marker took the very last offset
            break
        last.update({tp: records[-1] for tp, records in batch.items()})
    return last
