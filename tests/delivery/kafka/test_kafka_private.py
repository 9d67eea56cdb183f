"""Each private name that is used is there, and does what it is used for: these fail when an upgrade changes it."""

from __future__ import annotations

import asyncio
import gc
import inspect
import struct
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import SendProduceReqHandler
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from app.delivery.kafka import kafka_private
from app.delivery.kafka.kafka_private import FencedProducer, Identity

ONE, TWO = TopicPartition("t", 0), TopicPartition("t", 1)
#: Where a batch holds producer id (8 bytes), epoch (2) and first sequence number (4).
_STATE_AT = 43


@pytest.fixture
async def producer() -> Any:
    """A producer that is never started, with a producer id all the same."""
    producer = FencedProducer(enable_idempotence=True, acks="all")
    producer._txn_manager.set_pid_and_epoch(7, 0)
    yield producer
    producer._closed = True


async def put(producer: FencedProducer, tp: TopicPartition, *values: bytes) -> asyncio.Future[Any]:
    for value in values:
        future = await producer._message_accumulator.add_message(tp, b"k", value, 1.0)
    return future  # type: ignore[no-any-return]  # aiokafka's


def take(producer: FencedProducer, tp: TopicPartition) -> Any:
    """Take out the next batch as the sender does."""
    return producer._message_accumulator._pop_batch(tp)


def stamp(batch: Any) -> tuple[int, int, int]:
    """Return producer id, epoch and first sequence number of a batch, as they go out."""
    found: tuple[int, int, int] = struct.unpack_from(">qhi", bytes(batch.get_data_buffer()), _STATE_AT)
    return found


async def test_that_batches_go_out_under_the_identity_of_their_partition(producer: FencedProducer) -> None:
    producer.adopt([ONE], Identity(99, 3))
    for tp in (ONE, TWO):
        await put(producer, tp, b"1", b"2")
    first, other = take(producer, ONE), take(producer, TWO)
    assert (stamp(first), stamp(other)) == ((99, 3, 0), (7, 0, 0))
    first.done(0)
    await put(producer, ONE, b"3")
    assert stamp(take(producer, ONE)) == (99, 3, 2)


async def test_that_a_batch_that_is_sent_again_stays_as_it_was(producer: FencedProducer) -> None:
    producer.adopt([ONE], Identity(99, 3))
    await put(producer, ONE, b"1")
    batch = take(producer, ONE)
    producer._message_accumulator.reenqueue(batch)
    producer.adopt([ONE], Identity(99, 4))
    assert stamp(take(producer, ONE)) == (99, 3, 0)


@pytest.mark.parametrize("error", [kafka.MessageSizeTooLargeError, kafka.LeaderNotAvailableError])
@pytest.mark.parametrize("tp", [ONE, TWO])
async def test_that_a_batch_that_was_not_appended_leaves_no_gap(
    producer: FencedProducer, error: type[Exception], tp: TopicPartition
) -> None:
    lost: list[int] = []
    producer.adopt([ONE], Identity(99, 3, lambda: lost.append(1)))
    refused = await put(producer, tp, b"1", b"2")
    take(producer, tp).failure(error())
    assert isinstance(refused.exception(), error)
    await put(producer, tp, b"3")
    assert stamp(take(producer, tp))[2] == 0
    assert not lost


@pytest.mark.parametrize("error", [kafka.ProducerFenced, kafka.OutOfOrderSequenceNumber])
async def test_that_an_identity_that_the_broker_refuses_is_lost(
    producer: FencedProducer, error: type[Exception]
) -> None:
    lost: list[int] = []
    producer.adopt([ONE], Identity(99, 3, lambda: lost.append(1)))
    refused = await put(producer, ONE, b"1")
    take(producer, ONE).failure(error())
    assert isinstance(refused.exception(), error)
    assert lost == [1]


async def test_that_what_was_not_sent_under_an_identity_fails_when_it_is_disowned(producer: FencedProducer) -> None:
    lost: list[int] = []
    identity = Identity(99, 3, lambda: lost.append(1))
    producer.adopt([ONE, TWO], identity)
    waiting = [await put(producer, tp, b"1") for tp in (ONE, TWO)]
    producer.disown(identity)
    assert [type(future.exception()) for future in waiting] == [kafka.ProducerFenced] * 2
    assert not lost  # it is given up on purpose
    await put(producer, ONE, b"2")
    assert stamp(take(producer, ONE)) == (7, 0, 0)


async def test_that_a_batch_that_was_sent_does_not_expire(producer: FencedProducer) -> None:
    producer._message_accumulator._batch_ttl = -1.0
    await put(producer, ONE, b"1")
    assert producer._message_accumulator._batches[ONE][0].expired()  # never sent: its sender may decide anew
    assert not take(producer, ONE).expired()


async def test_that_a_batch_that_is_done_with_leaves_no_garbage_to_be_collected(producer: FencedProducer) -> None:
    producer.adopt([ONE], Identity(99, 3))
    await put(producer, ONE, b"1")
    batch = take(producer, ONE)
    batch.done(0)
    await asyncio.sleep(0)
    kept = weakref.ref(batch)
    gc.disable()
    try:
        del batch
        assert kept() is None
    finally:
        gc.enable()


async def test_that_a_producer_that_is_not_idempotent_works_as_ever() -> None:
    plain = FencedProducer(acks="all")
    plain._closed = True
    await put(plain, ONE, b"1")
    assert stamp(take(plain, ONE))[:2] == (-1, -1)


def test_that_the_sender_takes_batches_out_and_fails_them_by_the_names_that_are_replaced() -> None:
    assert "self._pop_batch(tp)" in inspect.getsource(MessageAccumulator.drain_by_nodes)
    assert "[0].expired()" in inspect.getsource(MessageAccumulator.drain_by_nodes)
    assert "batch.failure(" in inspect.getsource(SendProduceReqHandler.handle_response)


async def test_that_a_consumer_fetches_as_it_is_told_and_knows_how_far_it_is() -> None:
    consumer = AIOKafkaConsumer(fetch_max_wait_ms=1500)
    consumer._closed = True
    assert consumer._fetch_max_wait_ms == 1500
    kafka_private.set_fetch_wait(consumer, 7)
    assert consumer._fetch_max_wait_ms == 7
    assert kafka_private.positions(consumer) == {}
    consumer._subscription = SubscriptionState()
    consumer._subscription.assign_from_user([ONE, TWO])
    consumer._subscription.subscription.assignment.state_value(ONE).reset_to(12)
    assert kafka_private.positions(consumer) == {ONE: 12}


def test_that_heartbeats_and_rejoining_are_where_they_are_looked_for() -> None:
    assert inspect.iscoroutinefunction(GroupCoordinator._do_heartbeat)
    assert "self._do_heartbeat()" in inspect.getsource(GroupCoordinator)
    assert not inspect.iscoroutinefunction(GroupCoordinator.request_rejoin)
    assert "_coordinator" in inspect.getsource(AIOKafkaConsumer.start)


def test_that_topics_are_learnt_and_fetches_made_by_the_names_that_are_used() -> None:
    assert inspect.iscoroutinefunction(AIOKafkaClient._wait_on_metadata)
    assert callable(AIOKafkaClient.force_metadata_update)
    assert inspect.iscoroutinefunction(AIOKafkaClient.coordinator_lookup)
    assert "MemoryRecords(" in inspect.getsource(fetcher.Fetcher)
    for name in ("_create_worker_consumer", "_ensure_consumer", "_fetch_records", "_commit"):
        assert hasattr(AIOKafkaConsumerThread, name)


def test_that_records_are_read_slowly_from_the_buffer_that_is_given() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 16)
    builder.append(0, 1000, b"k", b"v", [("h", b"1")])
    given: list[int] = []

    def buffer(data: bytearray) -> bytearray:
        given.append(len(data))
        return data

    records: Iterator[Any] = kafka_private.slow_batch(memoryview(bytes(builder.build())), buffer)
    assert [record.value for record in records] == [b"v"]
    assert given


async def test_a_fetch_that_is_cancelled_while_it_waits_to_try_again_ends_without_an_error() -> None:
    async def retrying(*_: Any) -> bool:
        await asyncio.sleep(60)
        return True

    assert inspect.iscoroutinefunction(fetcher.Fetcher._proc_fetch_request)
    held = SimpleNamespace(_proc_fetch_request=retrying)
    kafka_private.end_fetches_when_cancelled(SimpleNamespace(_fetcher=held))
    fetch = asyncio.create_task(held._proc_fetch_request(None, 1, None))
    await asyncio.sleep(0)
    fetch.cancel()  # as `close` does, which then awaits it
    assert await fetch is False
