from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from app.delivery.kafka.header_names import TolerantRecords, accept_invalid_header_names

GZIP = 1


def batch(*names: str, compression: int = 0) -> bytes:
    """Return a batch with a record for each name."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for offset, name in enumerate(names):
        headers = [(name, b"one"), ("other", None)]
        builder.append(offset=offset, timestamp=1000 + offset, key=b"k", value=name.encode(), headers=headers)
    return bytes(builder.build())


def odd(data: bytes) -> bytes:
    return data.replace(b"ODD", b"\xff\xfed")


def read(records: Any) -> Iterator[tuple[int, int, bytes, bytes, list[tuple[str, bytes | None]]]]:
    while records.has_next():
        for record in records.next_batch():
            yield record.offset, record.timestamp, record.key, record.value, list(record.headers)


def test_what_is_well_formed_is_read_as_aiokafka_reads_it() -> None:
    data = batch("a", "é", compression=0) + batch("b" * 500, compression=GZIP)
    assert list(read(TolerantRecords(data))) == list(read(MemoryRecords(data)))


def test_aiokafka_itself_cannot_read_a_name_that_is_not_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        list(read(MemoryRecords(odd(batch("ODD")))))


def test_an_odd_name_is_read_with_escapes_and_nothing_is_lost_or_doubled() -> None:
    data = batch("first") + odd(batch("a", "ODD", "é", "ODD", "b")) + batch("last")
    found = list(read(TolerantRecords(data)))
    assert [headers[0] for *_, headers in found] == [
        ("first", b"one"),
        ("a", b"one"),
        (r"\xff\xfed", b"one"),
        ("é", b"one"),
        (r"\xff\xfed", b"one"),
        ("b", b"one"),
        ("last", b"one"),
    ]
    assert [offset for offset, *_ in found] == [0, 0, 1, 2, 3, 4, 0]
    assert found[2][1:4] == (1001, b"k", b"\xff\xfed")
    assert all(headers[1] == ("other", None) for *_, headers in found)


def test_what_the_fetcher_asks_of_batches_and_answers_is_passed_on() -> None:
    data = batch("a")
    ours, theirs = TolerantRecords(data), MemoryRecords(data)
    assert ours.size_in_bytes() == theirs.size_in_bytes()
    mine, its = ours.next_batch(), theirs.next_batch()
    assert mine.validate_crc()
    assert (mine.next_offset, mine.is_control_batch) == (its.next_offset, its.is_control_batch)
    assert not ours.has_next()


def test_an_answer_cut_amid_a_batch_ends_before_it() -> None:
    data = batch("a") + batch("b")
    assert len(list(read(TolerantRecords(data[:-5])))) == 1


def test_forgive_reaches_the_consumers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    accept_invalid_header_names()
    assert fetcher.MemoryRecords is TolerantRecords
