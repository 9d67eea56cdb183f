"""The Kafka consumer and transport under Faust, with commits that tell the truth.

Faust's own commit can pass an unfinished event when more than one is in flight (its head-gap check is
skipped while nothing is committed yet, and lets a gap of one through), and it acknowledges events that it
skips during a rebalance. Here the assignments' offset trackers decide alone what is committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, MutableSet
from typing import Any

from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport import conductor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from app.delivery.assignment.assignment import Assignments, lease_clock
from app.delivery.kafka import kafka_private
from app.delivery.kafka.fetch_pace import FetchPace

log = logging.getLogger(__name__)

#: How often it is noted how far each partition was read.
_POSITIONS_SECONDS = 1.0
_LOOK_SECONDS = 1.0
#: So many messages are handed to the agents before everyone else has a turn.
_BREATH = 100


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread: fetches wait as suits the broker, and a failed commit is no crash.

    Faust hard-codes a fetch wait of 1,500 ms, and crashes the worker when a commit fails, as each does
    while the broker is away. A commit that failed is harmless: the next one contains it.
    """

    _noted = 0.0

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        kafka_private.set_fetch_wait(consumer, transport.fetch_wait_ms)
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and have each heartbeat that is answered renew the lease."""
        await super().on_start()
        consumer, loop, assignments = self._ensure_consumer(), asyncio.get_running_loop(), self.consumer.assignments
        kafka_private.end_fetches_when_cancelled(consumer)
        kafka_private.look_less_often(consumer, _LOOK_SECONDS)
        self.consumer.transport.pace.attach(consumer)
        kafka_private.on_heartbeat(consumer, assignments.lease.renew, lease_clock)

        def rejoin() -> None:
            with contextlib.suppress(RuntimeError):  # the thread has ended: the worker leaves the group
                loop.call_soon_threadsafe(kafka_private.rejoin, consumer)

        assignments.rejoin = rejoin

    async def _fetch_records(self, consumer: Any, *asked: Any, **options: Any) -> Any:
        """Return what was fetched; what a new assignment yields before its flow has begun is put back.

        A fetch that waited while a rebalance passed returns the first records of the new assignment. Faust
        drops them, and then seeks to what is committed: where nothing is yet, they would never come again.
        """
        generation = self.consumer.generation
        found = await super()._fetch_records(consumer, *asked, **options)
        if self.consumer.flow_active:
            self._note_positions(consumer, found, generation)
            return found
        for tp, records in found.items():
            with contextlib.suppress(IllegalStateError):  # the next rebalance has begun, and lets go of all positions
                consumer.seek(tp, records[0].offset)
        return {}

    def _note_positions(self, consumer: Any, found: dict[TP, Any], generation: int) -> None:
        """Tell now and then how far the consumer has come where no record is: behind markers of transactions.

        They would look like events that are never committed. All records below were handed on by earlier fetches.
        """
        if (now := time.monotonic()) - self._noted > _POSITIONS_SECONDS:
            self._noted = now
            at = kafka_private.positions(consumer)
            self.consumer.passed = generation, {tp: offset for tp, offset in at.items() if tp not in found}

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        wanted = {TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(at, "") for tp, at in offsets.items()}
        try:
            # aiokafka tries again for as long as the broker is away, and all that asks this thread waits behind it.
            async with asyncio.timeout(self.consumer.assignments.lease.seconds):
                await self._ensure_consumer().commit(wanted)
        except TimeoutError:
            log.warning("commit postponed: the broker does not answer")
            return False
        except (KafkaError, IllegalStateError) as error:
            log.warning("commit postponed: %s", error)
            return False
        return True


class Consumer(driver.Consumer):
    """Faust's consumer, committing what the offset trackers say and nothing else."""

    generation = 0
    #: The generation, and how far its partitions were read of which the last fetch has brought nothing.
    passed: tuple[int, dict[TopicPartition, int]] = (0, {})

    @property
    def assignments(self) -> Assignments:
        """The partitions that this worker owns."""
        assignments: Assignments = self.transport.assignments
        return assignments

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: Faust goes through all partitions every few seconds to warn of what its own commits may do."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> Any:
        if assignment := self.assignments.get(record.partition):
            # What waits for its state is bounded by what is fetched at once, and must keep nothing from the others.
            size = _size(record) if assignment.partition_state.is_loaded else 0
            assignment.offset_trackers[record.topic].fetched(record.offset, size)
        return super()._to_message(tp, record)

    def pace(self, tp: TP) -> None:
        """Fetch a partition no more while its state is read back, or too much of its topic is in flight."""
        assignment, in_flight = self.assignments.get(tp.partition), self.assignments.in_flight
        if assignment is not None and not assignment.partition_state.is_loaded:
            self.on_buffer_full(tp)
            assignment.partition_state.when_loaded(tp, lambda: self.drained(tp))
        elif in_flight.is_full(tp.topic):
            self.on_buffer_full(tp)
            in_flight.when_drained(tp.topic, tp, lambda: self.drained(tp))

    def drained(self, tp: TP) -> None:
        """Fetch a partition again, unless there is another reason not to."""
        self.on_buffer_drop(tp)
        self.pace(tp)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand on what is fetched, until Faust stops the fetcher.

        Faust's own loop makes four tasks for each message, so as to leave off amid a hand-over when a
        rebalance begins. Here the hand-over waits for its end, and the offset trackers know what the message is worth.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                await asyncio.sleep(0)
                await self._hand_over()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _hand_over(self) -> None:
        handed = 0
        async for tp, message in self.getmany(timeout=1.0):
            await self.callback(message)
            self._read_offset[tp] = message.offset
            handed += 1
            if handed % _BREATH == 0:
                await asyncio.sleep(0)
        self._pass_gaps()

    def _pass_gaps(self) -> None:
        """Let the commits pass offsets that hold no record, in the assignment in which they were seen."""
        (generation, positions), self.passed = self.passed, (0, {})
        if generation == self.generation and self.flow_active and not self.assignments.suspended:
            for tp, position in positions.items():
                if assignment := self.assignments.get(tp.partition):
                    assignment.offset_trackers[tp.topic].passed(position)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Bring what is done to its end, suspend all assignments, and let Faust clear its buffers.

        A worker that leaves has done so. Its consumer's thread waits for this, and would no longer commit for it.
        """
        if not self.assignments.leaving:
            await self.transport.before_rebalance()
            await self.commit()
        self.assignments.suspend()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Settle the assignments before the first event of the new assignment can arrive.

        In a generation that we missed, cut off from the broker, our partitions had other owners: what we hold
        of them is outdated, even if they come back to us.
        """
        if generation_id != self.generation + 1:
            self.assignments.assign(())
        self.generation = generation_id
        self.assignments.lease.renew(lease_clock())
        self.assignments.assign((tp.topic, tp.partition) for tp in assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  # Faust's signature
        """Commit each partition up to its oldest unfinished event; not amid a rebalance, which would make another."""
        if self.assignments.suspended or self.assignments.leaving:
            return False
        ours = self.assignment()
        offsets = {
            tp: offset
            for (topic, partition), offset in self.assignments.committable().items()
            if (tp := TP(topic, partition)) in ours and offset > (self._committed_offset[tp] or 0)
        }
        if not offsets:
            return False
        committed: bool = await self._commit(offsets)
        if committed:
            self._committed_offset.update(offsets)
        return committed


def _size(record: Any) -> int:
    """Return how many bytes of an event are kept while it is in flight."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:  # a generator takes twice as long, for each of the events
        size += len(name) + len(value or b"")
    return size


class Conductor(conductor.Conductor):
    """Puts messages into the queues of the agents as they are.

    Faust's own decodes each and wraps it in an event first; parsing, and what comes of its failures, is delivery's.
    A queue that is nearly full has its partitions fetched no more, but takes what was fetched already, which is one
    fetch of each at most: to wait for room would hold up all other agents, and a rebalance, which clears the queues,
    cancels whoever waits for one, and with it the whole hand-over.
    """

    def _build_handler(self, tp: TP, channels: MutableSet[Any]) -> Callable[[Any], Awaitable[None]]:
        flow, consumer = self.app.flow_control, self.app.consumer

        def full() -> None:
            consumer.on_buffer_full(tp)

        def drained() -> None:
            consumer.drained(tp)

        async def handle(message: Any) -> None:
            await flow.acquire()
            for channel in channels:
                channel.queue.put_nowait_enhanced(message, on_pressure_high=full, on_pressure_drop=drained)
            consumer.pace(tp)

        return handle


class Transport(driver.Transport):
    """Faust's Kafka transport with what is above; the worker sets the attributes."""

    Consumer = Consumer
    Conductor = Conductor
    assignments: Assignments
    before_rebalance: Callable[[], Awaitable[None]]
    fetch_wait_ms: int = 500
    pace: FetchPace
