"""Sending: with key and headers, acknowledged by all in-sync replicas, tried until it succeeds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from app.backoff import full_jitter
from app.delivery.assignment.assignment import PartitionAssignment
from app.delivery.envelope import Headers, Outgoing, Propagate, Received, headers
from app.errors import InvalidEvent
from app.telemetry.metrics import Metrics
from topics.base import Topic

log = logging.getLogger(__name__)


class Producer(Protocol):
    """What is used of `aiokafka.AIOKafkaProducer`."""

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> asyncio.Future[Any]:
        """Put a record into the next batch; the future resolves when the broker has it."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A message in wire form; `topic` is the full name."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None


class Outbox:
    """Sends events for the agents of one worker."""

    def __init__(
        self,
        producer: Producer,
        *,
        prefix: str,
        source: str,
        propagate: Propagate,
        metrics: Metrics,
        limits: Mapping[str, int] | None = None,
        on_publish: Callable[[], None] = lambda: None,
    ) -> None:
        """`limits` are how large (bytes) an event may be for whoever consumes a topic, by its name without prefix.

        `on_publish` is called when events have been published.
        """
        self._producer = producer
        self._limits = limits or {}
        #: Told of each record that is sent, with the future of its acknowledgement.
        self.watch: Callable[[Record, asyncio.Future[Any]], None] = lambda _record, _sent: None
        self._prefix = prefix
        self.source = source
        self._propagate = propagate
        self._metrics = metrics
        self._on_publish = on_publish
        self._rng = random.Random()  # noqa: S311  # jitter needs no secrecy

    def full_name(self, topic: Topic[Any]) -> str:
        """Return a topic's name with the configured prefix."""
        return self._prefix + topic.name

    def record(self, outgoing: Outgoing, cause: Received[Any] | None) -> Record:
        """Return the wire form of an event that `cause` led to.

        Raises:
            InvalidEvent: it holds what JSON has no word for.
        """
        # The span that processes the cause is the parent of all that it sends; only time has no cause.
        traceparent = (cause.traceparent if cause else None) or self._propagate(outgoing.traceparent)
        return Record(
            topic=self.full_name(outgoing.topic),
            key=outgoing.key.encode(),
            value=_json(outgoing) if outgoing.value is None else outgoing.value,
            headers=headers(outgoing, source=self.source, cause=cause, traceparent=traceparent),
            partition=outgoing.partition,
        )

    async def publish(
        self,
        outgoing: Sequence[Outgoing],
        cause: Received[Any] | None = None,
        assignment: PartitionAssignment | None = None,
    ) -> None:
        """Return when the broker has acknowledged all events.

        Raises:
            AssignmentEnded: the assignment for which they are sent has ended before that.
            InvalidEvent: an event has no JSON, or is larger than the broker takes, or its consumers; no other
                failure is final.
        """
        if outgoing:
            await self.write([self._within_limits(one.topic, self.record(one, cause)) for one in outgoing], assignment)
            self._on_publish()

    async def append(self, outgoing: Outgoing, cause: Received[Any] | None = None) -> int:
        """Return the offset of an event when the broker has acknowledged it.

        Raises:
            InvalidEvent: as `publish`.
        """
        record, attempt = self._within_limits(outgoing.topic, self.record(outgoing, cause)), 0
        while True:
            sent = await self._enqueue(record)
            if sent is not None and await self._acknowledged(record, sent):
                return int(sent.result().offset)
            await asyncio.sleep(full_jitter(attempt, base=0.2, cap=5.0, rng=self._rng))
            attempt += 1

    def _within_limits(self, topic: Topic[Any], record: Record) -> Record:
        limit = self._limits.get(topic.name)
        if limit is not None and len(record.value or b"") > limit:
            raise _too_large(record, "delivery.max_event_bytes")
        return record

    async def write(self, records: Sequence[Record], assignment: PartitionAssignment | None = None) -> None:
        """Return when the broker has acknowledged all records, trying again for as long as `assignment` lasts.

        Raises:
            AssignmentEnded: it has ended.
            InvalidEvent: a record is larger than the broker takes.
        """
        left, attempt = list(records), 0
        while left := await self._try(left):
            delay = full_jitter(attempt, base=0.2, cap=5.0, rng=self._rng)
            attempt += 1
            log.warning("%d records not acknowledged yet; trying again in %.1f s", len(left), delay)
            await asyncio.sleep(delay)
            if assignment:
                await assignment.confirm()

    async def _try(self, records: Sequence[Record]) -> list[Record]:
        """Send all, and return those to send again: what failed, and what must stay behind it to keep its order."""
        sent = [(record, await self._enqueue(record)) for record in records]
        left: list[Record] = []
        failed: set[tuple[str, bytes | int | None]] = set()
        for record, future in sent:
            line = record.topic, record.key if record.partition is None else record.partition
            if not await self._acknowledged(record, future) or line in failed:
                failed.add(line)
                left.append(record)
        return left

    async def _enqueue(self, record: Record) -> asyncio.Future[Any] | None:
        try:
            sent = await self._producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=record.headers,
            )
        except MessageSizeTooLargeError as error:
            raise _too_large(record) from error
        except KafkaError as error:
            log.warning("cannot send to %s yet: %r", record.topic, error)
            return None
        self.watch(record, sent)
        return sent

    async def _acknowledged(self, record: Record, future: asyncio.Future[Any] | None) -> bool:
        if future is None:
            return False
        try:
            # Shielded: the batch goes out in any case, and its future is shared with the producer.
            await asyncio.shield(future)
        except MessageSizeTooLargeError as error:
            raise _too_large(record) from error
        except KafkaError as error:
            log.warning("%s did not acknowledge: %r", record.topic, error)
            return False
        self._metrics.sent(record.topic)
        return True


def _json(outgoing: Outgoing) -> bytes:
    try:
        return outgoing.event.to_json()
    except ValueError as error:  # half of a surrogate pair, for one
        raise InvalidEvent("not_json", f"{outgoing.id} holds what JSON has no word for: {error}") from None


def _too_large(record: Record, setting: str = "topics.max_message_bytes") -> InvalidEvent:
    size = len(record.value or b"")
    return InvalidEvent("too_large", f"{size} bytes for {record.topic}: raise {setting}, or send less")
