from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from app.brokers.base import Connection
from app.delivery import dead_letters
from app.delivery.outbox import Outbox, Record
from app.errors import InvalidEvent
from app.telemetry.metrics import Metrics
from tests.delivery.fakes import TRACEPARENT, Message, Producer, outbox
from topics import DEAD_LETTERS
from topics.dead_letters import DeadLetter, original_headers

LETTER = DeadLetter(
    topic="tasks",
    partition=0,
    offset=7,
    timestamp=datetime(2026, 1, 1, tzinfo=UTC),
    reason="invalid",
    error="no",
    agent="a",
)
HEADERS: list[tuple[str, bytes | None]] = [("ce_id", b"1"), ("x", b"\xff")]


def _message(value: bytes | None, *headers: tuple[str, bytes | None], key: bytes | None = b"k") -> Message:
    return Message("tasks", 0, 7, key, value, [*HEADERS, *headers])


def _size(record: Record) -> int:
    parts = [record.key, record.value, *(part for name, value in record.headers for part in (name.encode(), value))]
    return sum(len(part or b"") for part in parts)


def _limited(limit: int) -> Producer:
    producer = Producer()
    producer.refuse = lambda record: MessageSizeTooLargeError() if _size(record) > limit else None
    return producer


async def test_that_what_fits_is_as_it_came() -> None:
    producer = _limited(2000)
    await dead_letters.write_dead_letter(outbox(producer), _message(b"x" * 1000), LETTER)
    (record,) = producer.on(DEAD_LETTERS)
    assert (record.key, record.value, record.partition) == (b"k", b"x" * 1000, 0)
    assert original_headers(record.headers) == HEADERS
    assert DeadLetter.from_headers(record.headers) == LETTER
    assert LETTER.whole


async def test_that_what_does_not_fit_keeps_key_headers_place_and_as_much_of_the_value_as_fits() -> None:
    producer = _limited(1200)
    await dead_letters.write_dead_letter(outbox(producer), _message(bytes(range(200)) * 50), LETTER)
    (record,) = producer.on(DEAD_LETTERS)
    assert (record.key, original_headers(record.headers)) == (b"k", HEADERS)
    assert DeadLetter.from_headers(record.headers) == LETTER.model_copy(update={"cut_from": 10_000})
    kept = record.value or b""
    assert kept == (bytes(range(200)) * 50)[: len(kept)]
    assert 500 < len(kept) < 1200


async def test_that_a_text_is_cut_between_characters() -> None:
    for limit in range(900, 920):
        producer = _limited(limit)
        await dead_letters.write_dead_letter(outbox(producer), _message("€".encode() * 999), LETTER)
        (record,) = producer.on(DEAD_LETTERS)
        assert set((record.value or b"").decode()) == {"€"}


@pytest.mark.parametrize("value", [None, b"", b"some"])
@pytest.mark.parametrize("large", ["key", "header"])
async def test_that_where_key_and_headers_are_too_large_the_place_is_left(value: bytes | None, large: str) -> None:
    message = _message(value, ("big", b"h" * 5000)) if large == "header" else _message(value, key=b"k" * 5000)
    letter = LETTER.model_copy(update={"error": "é" * 5000})
    producer = _limited(1024)
    await dead_letters.write_dead_letter(outbox(producer), message, letter)
    (record,) = producer.on(DEAD_LETTERS)
    assert (record.key, record.value, original_headers(record.headers)) == (None, b"", [])
    found = DeadLetter.from_headers(record.headers)
    assert (found.id, found.reason, found.bare, found.whole) == ("tasks/0/7", "invalid", True, False)
    assert found.cut_from == (None if value is None else len(value))


async def test_that_a_broker_that_takes_nothing_is_an_error() -> None:
    with pytest.raises(InvalidEvent) as caught:
        await dead_letters.write_dead_letter(outbox(_limited(10)), _message(b"x" * 100), LETTER)
    assert caught.value.reason == "too_large"


async def test_that_it_fits_what_the_real_producer_sends(embedded: Connection) -> None:
    prefix = f"t{secrets.token_hex(4)}."
    options = {"bootstrap_servers": embedded.bootstrap_servers, **embedded.client_options}
    message = _message(b"x" * 100_000)
    async with AIOKafkaProducer(**options, max_request_size=10_000) as producer:
        made = Outbox(producer, prefix=prefix, source="/t", propagate=lambda _: TRACEPARENT, metrics=Metrics())
        await dead_letters.write_dead_letter(made, message, LETTER)
    name = f"{prefix}{DEAD_LETTERS.name}"
    async with AIOKafkaConsumer(
        name, **options, auto_offset_reset="earliest", fetch_max_wait_ms=embedded.fetch_wait_ms
    ) as consumer:
        record = await consumer.getone()
    assert (record.key, original_headers(record.headers)) == (b"k", HEADERS)
    assert DeadLetter.from_headers(record.headers).cut_from == 100_000
    assert 7000 < len(record.value) < 10_000
