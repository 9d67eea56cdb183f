"""All that touches private names of aiokafka and Faust, each with its reason.

Both are pinned exactly in `pyproject.toml`, and `tests/delivery/kafka/test_kafka_private.py` fails when an upgrade
changes what is used here.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import MessageBatch
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy

#: With these errors a batch was surely not appended: the broker refused it, or (the last two) it was never sent.
NEVER_APPENDED = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTimestampError,
    kafka.InvalidTopicError,
    kafka.PolicyViolationError,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.LeaderNotAvailableError,
    kafka.NotLeaderForPartitionError,
)
#: A transaction that holds up the next one for so long is aborted by the broker.
_TRANSACTION_MS = 10_000
#: The markers are there after some milliseconds; where a leader is away, it takes as long as that.
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.01, 0.5


def _nothing() -> None:
    """Tell nobody."""


class Identity(TransactionManager):
    """A producer id and epoch under which batches go out, with sequence numbers of its own.

    `lost` is called when the broker refuses a batch because of them: the epoch is outdated, or the sequence broken.
    """

    def __init__(self, producer_id: int, epoch: int, lost: Callable[[], None] = _nothing) -> None:
        super().__init__(None, 0)
        self.set_pid_and_epoch(producer_id, epoch)
        self.lost = lost


class FencedProducer(AIOKafkaProducer):
    """An idempotent producer that sends the batches of some partitions under other identities than its own.

    aiokafka stamps each batch with the producer's id when it takes it out to be sent: `_pop_batch`, where it asks the
    transaction manager of the accumulator. So this is another one meanwhile.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._identities: dict[TopicPartition, Identity] = {}
        self._take_batch = self._message_accumulator._pop_batch  # noqa: SLF001  # see above
        self._message_accumulator._pop_batch = self._stamp  # noqa: SLF001  # likewise

    def adopt(self, partitions: Iterable[TopicPartition], identity: Identity) -> None:
        """Send what these partitions are given from now on under `identity`."""
        self._identities.update((tp, identity) for tp in partitions)

    def disown(self, identity: Identity) -> None:
        """Send nothing more under `identity`: what waits for it fails, and what follows has the producer's own."""
        identity.lost = _nothing
        batches = self._message_accumulator._batches  # noqa: SLF001  # nothing else tells what is not sent yet
        for tp in [tp for tp, other in self._identities.items() if other is identity]:
            while batches.get(tp):
                self._stamp(tp).failure(kafka.ProducerFenced())
            del self._identities[tp]

    def _stamp(self, tp: TopicPartition) -> Any:
        accumulator = self._message_accumulator
        own = accumulator._txn_manager  # noqa: SLF001  # see the class
        identity = self._identities.get(tp, own)
        fresh = accumulator._batches[tp][0].retry_count == 0  # noqa: SLF001  # likewise
        accumulator._txn_manager = identity  # noqa: SLF001  # likewise
        try:
            batch = self._take_batch(tp)
        finally:
            accumulator._txn_manager = own  # noqa: SLF001  # likewise
        if fresh and identity is not None:
            batch.__class__, batch.identity = _NumberedBatch, identity  # the accumulator makes plain ones
        return batch


class _NumberedBatch(MessageBatch):
    """A batch that was sent, and keeps the sequence of its `identity` whole when it fails.

    aiokafka counts a batch that was refused, and the broker does not. Whether a batch that was sent once has been
    appended is not known until the broker says so; so it must not expire.
    """

    identity: Any

    def failure(self, exception: Exception) -> None:
        """Tell who waits for it, after the identity."""
        if isinstance(exception, NEVER_APPENDED):
            self.identity.increment_sequence_number(self.tp, -self.record_count)
        elif isinstance(self.identity, Identity):
            self.identity.lost()
        super().failure(exception)

    def expired(self) -> bool:
        """Return that it is not."""
        return False


@dataclass(frozen=True, slots=True)
class TransactionCoordinator:
    """Asks the broker that coordinates one transactional id, over the connections of a producer.

    A client of its own for each partition, which is all that aiokafka offers, would be many connections. `confirm` is
    awaited before each request, and may raise to give up.
    """

    client: AIOKafkaClient
    transactional_id: str
    confirm: Callable[[], Awaitable[None]]

    async def take_over(self) -> tuple[int, int]:
        """Return the id's producer id, and an epoch that is higher than all before; an open transaction is aborted."""
        answer = await self._ask(
            InitProducerIdRequest(transactional_id=self.transactional_id, transaction_timeout_ms=_TRANSACTION_MS),
            lambda answer: [answer.error_code],
        )
        return answer.producer_id, answer.producer_epoch

    async def mark(self, producer_id: int, epoch: int, partitions: Collection[TopicPartition]) -> None:
        """Return when the leader of each partition knows the epoch, by the marker of an empty transaction.

        Raises:
            KafkaError: the epoch is outdated, for one.
        """
        mine = {"transactional_id": self.transactional_id, "producer_id": producer_id, "producer_epoch": epoch}
        by_topic: defaultdict[str, list[int]] = defaultdict(list)
        for tp in partitions:
            by_topic[tp.topic].append(tp.partition)
        await self._ask(
            AddPartitionsToTxnRequest(**mine, topics=list(by_topic.items())),
            lambda answer: [code for _, found in answer.errors for _, code in found],
        )
        end = EndTxnRequest(**mine, transaction_result=True)
        for _ in range(2):  # the first answer comes before the markers are written, the second only after that
            await self._ask(end, lambda answer: [answer.error_code])

    async def _ask(self, request: Any, codes: Callable[[Any], list[int]]) -> Any:
        """Return the answer without errors, asking for as long as these pass."""
        for attempt in count():
            if attempt:
                await asyncio.sleep(min(_FIRST_RETRY_SECONDS * 2 ** min(attempt - 1, 10), _LAST_RETRY_SECONDS))
            await self.confirm()
            try:
                node = await self.client.coordinator_lookup(CoordinationType.TRANSACTION, self.transactional_id)
                answer = await self.client.send(node, request, group=ConnectionGroup.COORDINATION)
                found = [kafka.for_code(code) for code in codes(answer) if code]
                # What was not attempted was not because of another error.
                for error in sorted(found, key=lambda error: error is kafka.OperationNotAttempted):
                    raise error
            except (kafka.ConcurrentTransactions, kafka.OperationNotAttempted):
                continue  # the transaction before is being ended
            except kafka.KafkaError as error:
                if not error.retriable:
                    raise
                await self.client.force_metadata_update()
            else:
                return answer
        raise AssertionError("unreachable")


def set_fetch_wait(consumer: AIOKafkaConsumer, milliseconds: int) -> None:
    """Set how long a fetch may wait; before the consumer starts, since Faust hard-codes 1,500 ms when it makes it."""
    consumer._fetch_max_wait_ms = milliseconds  # noqa: SLF001  # read by start()


def end_fetches_when_cancelled(consumer: AIOKafkaConsumer) -> None:
    """Have a fetch end that is cancelled while it waits to try again, as one under way does.

    aiokafka's `close` cancels and awaits both, and is cut short by one that raises.
    """
    fetcher = consumer._fetcher  # noqa: SLF001  # it has no hook for it
    fetch = fetcher._proc_fetch_request  # noqa: SLF001  # likewise

    async def ending(assignment: Any, node_id: int, request: Any) -> bool:
        try:
            found: bool = await fetch(assignment, node_id, request)
        except asyncio.CancelledError:
            return False
        return found

    fetcher._proc_fetch_request = ending  # noqa: SLF001  # likewise


def look_less_often(consumer: AIOKafkaConsumer, seconds: float) -> None:
    """Have a consumer go through all its partitions so seldom while it waits; what it waits for wakes it anyway.

    aiokafka does so five times a second, whatever happens.
    """
    consumer._fetcher._fetcher_timeout = seconds  # noqa: SLF001  # the consumer does not pass it on


def pace_fetches(
    consumer: AIOKafkaConsumer, before: Callable[[], Awaitable[bool]], after: Callable[[bool], None]
) -> None:
    """Have `before` awaited before each fetch, which is not made if it returns False.

    `after` is told whether anything was found.
    """
    fetcher = consumer._fetcher  # noqa: SLF001  # see above
    fetch = fetcher._proc_fetch_request  # noqa: SLF001  # likewise

    async def paced(assignment: Any, node_id: int, request: Any) -> bool:
        if not await before():
            return False
        found: bool = await fetch(assignment, node_id, request)
        after(found)
        return found

    fetcher._proc_fetch_request = paced  # noqa: SLF001  # see above


def on_heartbeat(consumer: AIOKafkaConsumer, answered: Callable[[float], None], clock: Callable[[], float]) -> None:
    """Have `answered` called, after each heartbeat that the group answered, with when it was sent."""
    coordinator = consumer._coordinator  # noqa: SLF001  # it tells nobody of its heartbeats
    beat = coordinator._do_heartbeat  # noqa: SLF001  # likewise

    async def noted() -> bool:
        sent = clock()
        alive: bool = await beat()
        if alive:
            answered(sent)
        return alive

    coordinator._do_heartbeat = noted  # noqa: SLF001  # likewise


def rejoin(consumer: AIOKafkaConsumer) -> None:
    """Have the group hand out its partitions again; in the consumer's own thread. aiokafka has no public way."""
    consumer._coordinator.request_rejoin()  # noqa: SLF001  # see above


def positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Return for each assigned partition the offset behind what the consumer has handed out, markers included.

    `position()` would wait for partitions that have none yet.
    """
    subscription = consumer._subscription.subscription  # noqa: SLF001  # see above
    assignment = subscription.assignment if subscription else None
    if assignment is None:
        return {}
    states = {tp: assignment.state_value(tp) for tp in assignment.tps}
    return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}


async def learn_topic(consumer: AIOKafkaConsumer, topic: str) -> None:
    """Return when a consumer without a group knows the partitions of `topic`; aiokafka learns of topics only so."""
    await consumer._client.force_metadata_update()  # noqa: SLF001  # see above
    await consumer._client._wait_on_metadata(topic)  # noqa: SLF001  # likewise


def read_batches_with(reader: type[Any]) -> None:
    """Have all of aiokafka's consumers in this process read what they fetch with `reader`."""
    fetcher.MemoryRecords = reader


def slow_batch(data: memoryview, buffer: Callable[[Any], Any]) -> Iterator[Any]:
    """Return a batch's records, as aiokafka's reader in Python finds them in a `buffer` of the decompressed bytes."""
    batch: Iterator[Any] = iter(_DefaultRecordBatchPy(bytearray(data)))  # which decompresses it
    batch._buffer = buffer(batch._buffer)  # type: ignore[attr-defined]  # noqa: SLF001  # the reader decodes slices of its buffer
    return batch
