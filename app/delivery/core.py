"""What every agent's loop shares: taking events in, leaving them to others, and giving up on them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.delivery import dead_letters
from app.delivery.assignment import Assignments, PartitionAssignment
from app.delivery.envelope import Outgoing, Received, first
from app.delivery.outbox import Outbox
from app.errors import InvalidEvent, OrchestratorError
from app.settings import DeliverySettings
from app.telemetry.attributes import receiving
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracer
from topics.base import Event, Topic
from topics.dead_letters import DeadLetter

E = TypeVar("E", bound=Event)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message under way: what came, and the assignment under which it is processed."""

    message: Any
    assignment: PartitionAssignment

    def finish(self) -> None:
        """Let the commit pass this message: all that it caused is acknowledged."""
        self.assignment.offset_trackers[self.message.topic].finish(self.message.offset)

    def release(self) -> None:
        """Leave the message unprocessed: it will be delivered again."""
        self.assignment.offset_trackers[self.message.topic].release(self.message.offset)


class Delivery:
    """Takes messages from Faust's streams, and owns what happens to them until they are finished."""

    def __init__(
        self,
        settings: DeliverySettings,
        outbox: Outbox,
        assignments: Assignments,
        metrics: Metrics,
        *,
        tracer: Tracer | None = None,
        group: str = "",
    ) -> None:
        self.settings = settings
        self.outbox = outbox
        self.assignments = assignments
        self.metrics = metrics
        self.draining = False
        self._tracer = tracer or Tracer()
        self._group = group

    async def messages(self, stream: Any) -> AsyncIterator[Delivered]:
        """Yield each message that is to be processed now, and only once.

        They are taken from the stream's channel, where our `Conductor` has put them: what the stream itself adds
        (acknowledgement, sensors, a task switch for each event) is not used here, and costs more than all that is
        done in this module.
        """
        async for message in stream.channel:
            assignment = self.assignments.get(message.partition)
            if (
                assignment is None
                or self.draining
                or not assignment.offset_trackers[message.topic].begin(message.offset)
            ):
                continue
            self.metrics.received(message.topic)
            yield Delivered(message, assignment)

    def parse(self, topic: Topic[E], message: Any) -> Received[E]:
        """Return the event in a message.

        Raises:
            InvalidEvent: it does not have the form of its topic.
        """
        headers = message.headers or ()
        return Received(
            event=topic.parse(message.value, max_bytes=self.settings.max_event_bytes),
            key=message.key,
            id=first(headers, "ce_id") or _place(message),
            correlation_id=first(headers, "ce_correlationid") or _text(message.key) or _place(message),
            traceparent=first(headers, "traceparent"),
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp=message.timestamp,
        )

    @contextmanager
    def traced(self, received: Received[E]) -> Iterator[Received[E]]:
        """Process an event in a span of its own; yields the event as the parent of what it will cause."""
        if not self._tracer.recording:
            yield received
            return
        attributes = receiving(
            received.topic,
            received.partition,
            received.offset,
            group=self._group,
            message_id=received.id,
            conversation=received.correlation_id,
        )
        with self._tracer.span(f"process {received.topic}", received.traceparent, "consumer", attributes) as header:
            yield replace(received, traceparent=header)

    async def dead_letter(
        self,
        delivered: Delivered,
        error: Exception,
        *,
        agent: str,
        also: Sequence[Outgoing] = (),
        cause: Received[Any] | None = None,
    ) -> None:
        """Put the message into the dead letters, as it came if the broker takes it, then let the commit pass it."""
        message = delivered.message
        reason = error.reason if isinstance(error, InvalidEvent) else getattr(error, "code", "internal")
        if not isinstance(error, OrchestratorError):
            log.error("%s failed on %s/%s/%s", agent, *place_of(message), exc_info=error)
        letter = DeadLetter(
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp=datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else None,
            reason=reason,
            error=_sentence(error),
            agent=agent,
        )
        log.warning("dead letter %s: %s: %s", letter.id, letter.reason, letter.error)
        await delivered.assignment.confirm()
        await dead_letters.write_dead_letter(self.outbox, message, letter, delivered.assignment)
        await self.outbox.publish(also, cause, delivered.assignment)
        self.metrics.dead_letter(message.topic, reason)
        delivered.finish()

    async def drain(self, grace: float) -> None:
        """Take no new message, and wait up to `grace` seconds for those in flight; the rest is left to others."""
        self.draining = True
        if tasks := {task for assignment in self.assignments for task in assignment.tasks}:
            await asyncio.wait(tasks, timeout=grace)


def _sentence(error: Exception) -> str:
    """Return an error's text for people: its own if it was raised on purpose, or else only its type's name."""
    return str(error) if isinstance(error, OrchestratorError) else f"{type(error).__name__} in the agent"


def _text(key: bytes | None) -> str:
    return key.decode(errors="replace") if key else ""


def _place(message: Any) -> str:
    return "/".join(map(str, place_of(message)))


def place_of(message: Any) -> tuple[str, int, int]:
    """Return topic, partition and offset of a message."""
    return message.topic, message.partition, message.offset
