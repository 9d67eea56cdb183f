from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.brokers.base import Connection
from app.delivery.state.state_log import Progress, read_back, since_header


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    connection: Connection = request.getfixturevalue(request.param)
    return {"bootstrap_servers": connection.bootstrap_servers, **connection.client_options}


async def _topic(options: dict[str, Any], partitions: int = 2) -> str:
    name = f"log-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1)])
    await admin.close()
    return name


async def _write(
    options: dict[str, Any], topic: str, *records: tuple[int, bytes, int | None], headers: Sequence[Any] = ()
) -> None:
    producer = AIOKafkaProducer(**options, acks="all")
    await producer.start()
    sent = [
        await producer.send(topic, value, key=b"k", partition=partition, timestamp_ms=at, headers=headers)
        for partition, value, at in records
    ]
    for future in sent:
        await future
    await producer.stop()


async def _read(options: dict[str, Any], topic: str, partitions: list[int], window: float) -> list[bytes]:
    found: list[bytes] = []
    take: Callable[[Any], None] = lambda record: found.append(record.value)  # noqa: E731  # one line is enough
    await read_back(options, topic, partitions, take, window=window)
    return found


async def test_that_a_partition_is_read_to_its_end_even_after_a_batch_of_many(options: dict[str, Any]) -> None:
    topic = await _topic(options)
    await _write(options, topic, *((0, f"{number}".encode(), None) for number in range(50)))
    assert await _read(options, topic, [0, 1], 3600.0) == [f"{number}".encode() for number in range(50)]


async def test_that_only_the_wanted_partitions_are_read(options: dict[str, Any]) -> None:
    topic = await _topic(options)
    await _write(options, topic, (0, b"zero", None), (1, b"one", None))
    assert await _read(options, topic, [1], 3600.0) == [b"one"]


async def test_that_an_empty_partition_gives_nothing(options: dict[str, Any]) -> None:
    assert await _read(options, await _topic(options), [0, 1], 3600.0) == []


@pytest.mark.kafka
async def test_that_the_window_is_counted_from_the_last_record_not_from_now(kafka: Connection) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers, **kafka.client_options}
    topic = await _topic(options)
    then = int(time.time() * 1000) - 86_400_000
    await _write(options, topic, (0, b"older", then - 120_000))
    await _write(options, topic, (0, b"old", then - 30_000))
    await _write(options, topic, (0, b"last", then))
    assert await _read(options, topic, [0], 60.0) == [b"old", b"last"]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("told", "found"),
    [
        ((since_header(1_700_000_000.0)), [b"older", b"old", b"last"]),
        ((since_header(1_800_000_000.0)), [b"old", b"last"]),  # never less than the window
        (("since", b"yesterday"), [b"old", b"last"]),
        (("since", b"9" * 40), [b"old", b"last"]),
        (("since", "\N{SUPERSCRIPT TWO}".encode()), [b"old", b"last"]),
        (("since", None), [b"old", b"last"]),
    ],
)
async def test_that_the_last_record_may_tell_to_read_from_further_back(
    kafka: Connection, told: tuple[str, bytes | None], found: list[bytes]
) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers, **kafka.client_options}
    topic = await _topic(options)
    then = 1_700_000_000_000
    await _write(options, topic, (0, b"oldest", then - 900_000))
    await _write(options, topic, (0, b"older", then))
    await _write(options, topic, (0, b"old", then + 900_000), headers=[since_header(1.0)])  # only the last one counts
    await _write(options, topic, (0, b"last", then + 930_000), headers=[told])
    assert await _read(options, topic, [0], 60.0) == found


async def _write_in_transaction(options: dict[str, Any], topic: str, *values: bytes) -> None:
    """Write these records to partition 0, with the marker of a transaction behind each."""
    async with AIOKafkaProducer(**options, transactional_id=f"mark-{uuid.uuid4().hex[:8]}") as producer:
        for value in values:
            async with producer.transaction():
                await producer.send_and_wait(topic, value, key=b"k", partition=0)


@pytest.mark.kafka
async def test_that_markers_at_the_end_keep_nobody_from_the_end_nor_from_the_last_record(kafka: Connection) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers, **kafka.client_options}
    topic, now = await _topic(options), int(time.time() * 1000)
    await _write(options, topic, (0, b"old", now - 900_000), (1, b"one", now))
    await _write_in_transaction(options, topic, b"last")
    assert await _read(options, topic, [0, 1], 60.0) in ([b"last", b"one"], [b"one", b"last"])


class _Consumer:
    """A log of one partition that ends at 100; what is fetched is `records`, and then nothing is left below the end."""

    def __init__(self, *records: int) -> None:
        self._records, self._position, self._answers = list(records), 0, 0

    def fetch(self) -> None:
        self._answers += 1
        if self._records:
            self._position = self._records.pop(0) + 1

    async def position(self, _tp: Any) -> int:
        return self._position

    def highwater(self, _tp: Any) -> int:
        return 100

    def last_poll_timestamp(self, _tp: Any) -> int | None:
        return self._answers or None


async def test_that_a_log_whose_last_records_were_compacted_away_is_read_when_nothing_more_is_given() -> None:
    consumer = _Consumer(10, 40)
    progress: Progress = Progress(consumer)
    seen = [await progress.at("p")]
    for _ in range(5):
        consumer.fetch()
        seen.append(await progress.at("p"))
    assert seen == [0, 11, 41, 41, 100, 100]  # one answer without records may have been under way before


async def test_that_a_broker_that_does_not_answer_has_not_said_that_nothing_is_left() -> None:
    progress: Progress = Progress(_Consumer(10))
    assert {await progress.at("p") for _ in range(9)} == {0}
