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
#: So many offsets before the end the last record is looked for, and then so many times more.
_LOOK_BACK = 16
#: How long one look at what has come may take, where nothing more is to come.
_ROUND_MS = 10

Read = Callable[[Any], None]


def since_header(at: float) -> tuple[str, bytes]:
    """Return the header of a record after which the log must be read from `at` on, in epoch seconds."""
    return _SINCE, str(int(at * 1000)).encode()


def since_headers(at: float | None) -> list[tuple[str, bytes]]:
    """Return the headers of a state record: `since_header`, or none where the state holds nothing that lasts."""
    return [] if at is None else [since_header(at)]


class Progress:
    """How far a consumer has read its partitions.

    Its positions tell, and not the records that it was given: they pass what is no record, as the marker at the end of
    a transaction. Where compaction took the very last records, not even the position moves, since there is nothing to
    fetch. The broker has said so when it was asked twice for what comes after a position, and had nothing.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._asked: dict[TopicPartition, tuple[int, int | None, int]] = {}

    async def at(self, tp: TopicPartition) -> int:
        """Return the offset before which all of a partition was read; to be asked after each fetch."""
        position: int = await self._consumer.position(tp)
        answered = self._consumer.last_poll_timestamp(tp)
        before, last, answers = self._asked.get(tp, (position, answered, 0))
        if before != position:
            answers = 0
        elif answered != last:
            answers += 1
        self._asked[tp] = (position, answered, answers)
        # An answer with records is the last one until they are taken, and then the position moves.
        return max(position, self._consumer.highwater(tp) or 0) if answers > 1 else position


async def read_back(
    options: Mapping[str, Any],
    topic: str,
    partitions: Collection[int],
    read: Read,
    *,
    window: float,
    starts: Mapping[int, int] | None = None,
) -> dict[int, int]:
    """Call `read` with each record of these partitions, oldest first, up to the end as it is now; return the ends.

    Each partition is read from `window` seconds before its last record, in the log's own time: so a long
    pause of all workers loses nothing. It is read from further back when the last record says so by
    `since_header`, but never what lies before its offset in `starts`. `options` are those of any aiokafka client.
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
        found = await _starts(consumer, ends, window)
        later = {
            tp: at for tp in wanted if (at := (starts or {}).get(tp.partition, 0)) <= ends[tp]
        }  # or it was made anew
        begins = {tp: max(start, later.get(tp, 0)) for tp, start in found.items()}
        return {tp.partition: end for tp, end in (await _read(consumer, begins, ends, read)).items()}
    finally:
        await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], read: Read
) -> dict[TopicPartition, int]:
    """Call `read` with what lies between the starts and the ends; return where the partitions did end."""
    for tp, start in starts.items():
        consumer.seek(tp, start)
    progress, passed = Progress(consumer), dict(starts)
    left = set(starts)
    while left:
        for records in (await consumer.getmany(*left, timeout_ms=_ROUND_MS)).values():
            for record in records:
                read(record)
        passed.update({tp: await progress.at(tp) for tp in left})
        # Only a fetch says truly where a partition ends (see `end_of`).
        left = {tp for tp in left if consumer.highwater(tp) is None or passed[tp] < end_of(consumer, tp, ends[tp])}
    return passed


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
    last = await _last_records(consumer, begins, {tp: end for tp, end in ends.items() if end > begins[tp]})
    since = {tp: at for tp, record in last.items() if (at := _since(record, window)) > 0}
    found = await consumer.offsets_for_times(since) if since else {}
    return {tp: max(begins[tp], hit.offset) if (hit := found.get(tp)) else begins[tp] for tp in ends}


def _since(record: Any, window: float) -> int:
    """Return from when on, in ms, a partition is read that ends with `record`."""
    since = int(record.timestamp - window * 1000)
    told = first(record.headers, _SINCE) or ""
    return min(since, int(told) - int(_SKEW * 1000)) if told.isascii() and told.isdigit() else since


async def _last_records(
    consumer: AIOKafkaConsumer, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, Any]:
    """Return each partition's last record, if it has one.

    The last offsets may be no records: markers of transactions, of which each takeover leaves one, or places from
    which compaction took a record. So it is looked for further and further back.
    """
    last: dict[TopicPartition, Any] = {}
    back, left = _LOOK_BACK, dict(ends)

    def note(record: Any) -> None:
        last[TopicPartition(record.topic, record.partition)] = record

    while left:
        starts = {tp: max(begins[tp], end - back) for tp, end in left.items()}
        await _read(consumer, starts, left, note)
        left = {tp: starts[tp] for tp in left if tp not in last and starts[tp] > begins[tp]}
        back *= _LOOK_BACK
    return last
