"""What every agent's loop shares: taking events in, leaving them to others, and giving up on them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.backoff import full_jitter
from app.cancellation import ends_task
from app.delivery import dead_letters
from app.delivery.assignment.assignment import AssignmentEnded, Assignments, PartitionAssignment
from app.delivery.assignment.suspicion import Suspect
from app.delivery.envelope import Outgoing, Received, charset, first
from app.delivery.outbox import Outbox
from app.errors import InvalidEvent, OrchestratorError, PoisonEvent
from app.settings import DeliverySettings
from app.telemetry.attributes import receiving
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracer
from topics.base import Event, Topic
from topics.dead_letters import DeadLetter

E = TypeVar("E", bound=Event)
T = TypeVar("T")

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
        self._rng = random.Random()  # noqa: S311  # jitter needs no secrecy

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
        limit = self.settings.max_event_bytes if topic.bounded else len(message.value or b"")
        decoded = topic.decode(message.value, max_bytes=limit, key=message.key, charset=charset(headers))
        return Received(
            event=decoded.event,
            unknown=decoded.unknown,
            notes=decoded.notes,
            value=decoded.value,
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
        await self._tell(also, cause, letter, delivered.assignment)
        self.metrics.dead_letter(message.topic, reason)
        delivered.finish()

    async def _tell(
        self,
        also: Sequence[Outgoing],
        cause: Received[Any] | None,
        letter: DeadLetter,
        assignment: PartitionAssignment,
    ) -> None:
        try:
            await self.outbox.publish(also, cause, assignment)
        except InvalidEvent as error:  # trying again would not make it smaller
            log.error("of the dead letter %s nobody can be told: %s", letter.id, error)  # noqa: TRY400  # says it all

    async def keep_trying(self, work: Callable[[], Awaitable[T]], *, agent: str, message: Any) -> T:
        """Return what `work` returns; as long as it fails, log that, and do it again later.

        For what has no other way out: the message and the commits behind it are held up, but nothing is lost.

        Raises:
            AssignmentEnded: the partition went to another worker.
        """
        attempt = 0
        while True:
            try:
                return await work()
            except AssignmentEnded:
                raise
            except BaseException as error:
                if ends_task(error):
                    raise
                delay = full_jitter(attempt, base=self.settings.backoff, cap=self.settings.max_backoff, rng=self._rng)
                text = "%s holds up %s/%s/%s, which is tried again in %.1f s"
                log.critical(text, agent, *place_of(message), delay, exc_info=error)
            self.metrics.retried(agent)
            attempt += 1
            await asyncio.sleep(delay)

    def suspect(self, delivered: Delivered) -> Suspect | None:
        """Return how a message is suspected to have killed workers, if it is."""
        if (suspects := delivered.assignment.suspects) is None:
            return None
        message = delivered.message
        headers = message.headers or ()
        # What we send again is the same event at another place; with the ids of others we do not know.
        ours = first(headers, "ce_source") == self.outbox.source
        key = (first(headers, "ce_id") if ours else None) or _place(message)
        return suspects.of(f"{message.topic}:{key}", message.topic, message.offset)

    def processing(self, delivered: Delivered, suspect: Suspect) -> AbstractAsyncContextManager[Callable[[], None]]:
        """Process a suspect in the block, and call what is given when it was processed to its end, and nobody died.

        Raises:
            AssignmentEnded: the partition went to another worker.
        """
        suspects = delivered.assignment.suspects
        return suspects.processing(suspect) if suspects else nullcontext(_nothing)

    def poison(self, suspect: Suspect) -> PoisonEvent | None:
        """Return why a suspect is a dead letter, if it is."""
        if not suspect.is_poison(self.settings.poison_after):
            return None
        return PoisonEvent(f"{suspect.deaths} workers died while they processed it")

    def parse_poison(self, topic: Topic[E], message: Any, suspect: Suspect) -> Received[E] | None:
        """Return the event in a message that kills, so that somebody can be told; None if even reading it may kill."""
        if suspect.deaths > self.settings.poison_after:
            return None
        try:
            return self.parse(topic, message)
        except InvalidEvent:
            return None

    async def drain(self, grace: float) -> None:
        """Take no new message, and wait up to `grace` seconds for those in flight; the rest is left to others."""
        self.draining = True
        # Where the state is not restored yet, nothing is in flight: its tasks only wait.
        if tasks := {
            task for assignment in self.assignments if assignment.partition_state.is_loaded for task in assignment.tasks
        }:
            await asyncio.wait(tasks, timeout=grace)


def _sentence(error: Exception) -> str:
    """Return an error's text for people: its own if it was raised on purpose, or else only its type's name."""
    return str(error) if isinstance(error, OrchestratorError) else f"{type(error).__name__} in the agent"


def _nothing() -> None:
    """Clear nothing: there is no suspicion any more."""


def _text(key: bytes | None) -> str:
    return key.decode(errors="replace") if key else ""


def _place(message: Any) -> str:
    return "/".join(map(str, place_of(message)))


def place_of(message: Any) -> tuple[str, int, int]:
    """Return topic, partition and offset of a message."""
    return message.topic, message.partition, message.offset
