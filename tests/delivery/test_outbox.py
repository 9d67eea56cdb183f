from __future__ import annotations

import asyncio
import random

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from app.delivery.assignment.assignment import AssignmentEnded
from app.delivery.envelope import Outgoing
from app.delivery.outbox import Outbox, Record
from app.errors import InvalidEvent
from app.telemetry.metrics import Metrics
from tests.delivery.fakes import TRACEPARENT, Harness, Producer, once, outbox, settle, until
from topics import RESULTS, TASKS
from topics.tasks import Task


class Impatient(random.Random):
    """Waits no time at all between tries."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002  # the signature of random
        return a


@pytest.fixture
def producer() -> Producer:
    return Producer()


@pytest.fixture
def sender(producer: Producer) -> Outbox:
    made = outbox(producer)
    made._rng = Impatient()
    return made


def _records(*values: bytes) -> list[Record]:
    return [Record("topic", b"key", value, [("h", b"1")], 3) for value in values]


async def test_that_an_event_goes_out_with_key_value_headers_and_partition(producer: Producer, sender: Outbox) -> None:
    task = Task(id="t", input={})
    await sender.publish([Outgoing(TASKS, "t", task, "id", 4)])
    (sent,) = producer.acknowledged
    assert (sent.topic, sent.key, sent.value, sent.partition) == ("tasks", b"t", task.to_json(), 4)
    assert ("ce_id", b"id") in sent.headers
    assert ("traceparent", TRACEPARENT.encode()) in sent.headers


async def test_that_the_prefix_is_put_before_the_name(producer: Producer) -> None:

    named = Outbox(producer, prefix="p.", source="/s", propagate=lambda _p: TRACEPARENT, metrics=Metrics())
    await named.publish([Outgoing(TASKS, "t", Task(input={}), "id")])
    assert producer.acknowledged[0].topic == "p.tasks"


async def test_that_it_returns_only_when_all_is_acknowledged(producer: Producer, sender: Outbox) -> None:
    producer.hold = lambda record: record.value == b"2"
    writing = asyncio.create_task(sender.write(_records(b"1", b"2")))
    await settle()
    assert not writing.done()
    producer.let_go()
    await writing
    assert [record.value for record in producer.acknowledged] == [b"1", b"2"]


async def test_that_it_tries_until_the_broker_has_it(producer: Producer, sender: Outbox) -> None:
    failures = iter([KafkaTimeoutError()] * 5)
    producer.fail = lambda _record: next(failures, None)
    await sender.write(_records(b"1"))
    assert len(producer.sent) == 6
    assert [record.value for record in producer.acknowledged] == [b"1"]


async def test_that_a_producer_without_a_broker_is_tried_again(producer: Producer, sender: Outbox) -> None:
    producer.refuse = once(KafkaTimeoutError())
    await sender.write(_records(b"1"))
    assert [record.value for record in producer.acknowledged] == [b"1"]


@pytest.mark.parametrize("way", ["refuse", "fail"])
async def test_that_a_second_try_keeps_the_order(producer: Producer, sender: Outbox, way: str) -> None:
    failure = once(KafkaTimeoutError())
    setattr(producer, way, lambda record: failure(record) if record.value == b"2" else None)
    await sender.write(_records(b"1", b"2", b"3"))
    values = [record.value for record in producer.acknowledged]
    assert values[0] == b"1"
    assert values[-2:] == [b"2", b"3"]  # a reader that keeps the last of each sees them in order


@pytest.mark.parametrize("way", ["refuse", "fail"])
async def test_that_too_large_is_final_and_says_the_fix(producer: Producer, sender: Outbox, way: str) -> None:
    setattr(producer, way, lambda _record: MessageSizeTooLargeError())
    with pytest.raises(InvalidEvent, match=r"3 bytes for topic: raise topics\.max_message_bytes") as caught:
        await sender.write(_records(b"big"))
    assert caught.value.reason == "too_large"
    assert producer.acknowledged == []


async def test_that_an_event_that_its_consumers_would_refuse_is_not_sent(producer: Producer) -> None:
    limits = {TASKS.name: 100}
    sender = Outbox(
        producer, prefix="", source="/s", propagate=lambda _p: TRACEPARENT, metrics=Metrics(), limits=limits
    )
    task = Task(id="t", input={"text": "x" * 100})
    with pytest.raises(InvalidEvent, match=r"raise delivery\.max_event_bytes"):
        await sender.publish([Outgoing(TASKS, "t", task, "t")])
    await sender.publish([Outgoing(RESULTS, "t", task, "t")])  # our own agents consume none of these
    assert [record.topic for record in producer.acknowledged] == [RESULTS.name]


async def test_that_cancelling_does_not_cancel_what_the_producer_shares(producer: Producer, sender: Outbox) -> None:
    producer.hold = lambda _record: True
    writing = asyncio.create_task(sender.write(_records(b"1")))
    await settle()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    producer.let_go()  # would raise InvalidStateError on a cancelled future
    assert [record.value for record in producer.acknowledged] == [b"1"]


async def test_that_nothing_is_sent_for_nothing(producer: Producer, sender: Outbox) -> None:
    await sender.publish([])
    await sender.write([])
    assert producer.sent == []


async def test_that_what_json_has_no_word_for_is_refused_by_itself(producer: Producer, sender: Outbox) -> None:
    halved = Task(id="t", input={"text": "half of a pair: \ud800"})
    with pytest.raises(InvalidEvent, match="t/1 holds what JSON has no word for") as caught:
        await sender.publish([Outgoing(TASKS, "t", halved, "t/1", 0)])
    assert caught.value.reason == "not_json"
    assert producer.sent == []


async def test_that_a_record_of_another_partition_is_not_sent_again(producer: Producer, sender: Outbox) -> None:
    failure = once(KafkaTimeoutError())
    producer.fail = lambda record: failure(record) if record.value == b"1" else None
    away, other = Record("topic", b"k", b"1", [], 0), Record("topic", b"k", b"2", [], 1)
    by_key = Record("topic", b"k", b"3", [])
    await sender.write([away, other, by_key])
    assert [record.value for record in producer.sent] == [b"1", b"2", b"3", b"1"]


async def test_that_it_does_not_try_again_for_an_assignment_that_has_ended(producer: Producer, sender: Outbox) -> None:
    harness = Harness()
    harness.own("any", 0)
    assignment = harness.assignment()
    harness.assignments.suspend()
    producer.fail = once(KafkaTimeoutError())
    writing = asyncio.create_task(sender.write(_records(b"1"), assignment))
    await until(lambda: producer.sent)
    await settle()
    assert len(producer.sent) == 1  # amid a rebalance it waits for how that ends
    harness.own("any")
    with pytest.raises(AssignmentEnded):
        await writing
    assert len(producer.sent) == 1


async def test_that_it_tells_where_an_event_lies_and_tries_until_it_does(producer: Producer, sender: Outbox) -> None:
    producer.fail = once(KafkaTimeoutError())
    first, second = [
        await sender.append(Outgoing(TASKS, "q-1", Task(id="q-1", input={}), f"e-{number}", 1)) for number in range(2)
    ]
    assert second == first + 1
    assert len(producer.acknowledged) == 2
