"""The loop of a stateful agent: it turns an event and the state of its key into further events.

Deciding is a pure, synchronous function; this module does everything around it: it keeps the state by
key, sends what was decided, has the state written behind (see `app.delivery.state.keyed_state`), wakes keys whose time
has come, and lets the commit pass an event when all of that is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from app.cancellation import as_failure, ends_task
from app.delivery.assignment.assignment import AssignmentEnded, PartitionAssignment
from app.delivery.assignment.suspicion import Suspect
from app.delivery.core import Delivered, Delivery, place_of
from app.delivery.envelope import Outgoing, Received
from app.delivery.parking import Parking
from app.delivery.pending_events import PendingEvent, PendingEvents
from app.delivery.state.state_writer import StateWriter
from app.errors import InvalidEvent, PoisonEvent
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)
V = TypeVar("V")

log = logging.getLogger(__name__)


#: How many keys of one partition are woken before others have their turn.
_AT_ONCE = 100
#: After so many seconds a key is woken again whose waking failed.
_SNOOZE = 10.0
#: How log lines name what sends for all stateful agents.
_NAME = "stateful processor"


@dataclass(frozen=True, slots=True)
class Decision(Generic[V]):
    """What follows from an event: the new value of its key (or none: unchanged), and the events to send.

    With `wait`, the event came before what it refers to; it is decided again when its key gets a value, or is
    an orphan after so many seconds. With `forget`, the key is dropped from memory, and from the log.
    """

    value: V | None = None
    outgoing: Sequence[Outgoing] = field(default=())
    wait: float | None = None
    forget: bool = False


class StateMachine(Protocol[V]):
    """The domain's side: pure functions on values of type `V`, which are immutable."""

    def key(self, received: Received[Any]) -> str:
        """Return the key under which the event's state is kept."""
        ...

    def decide(self, value: V | None, received: Received[Any], now: float) -> Decision[V]:
        """Return what follows from an event, at epoch seconds `now`.

        Raises:
            OrchestratorError: the event is to go to the dead letters.
        """
        ...

    def wake(self, value: V, now: float) -> Decision[V]:
        """Return what follows from the time that has come.

        A value that was read back from the log is woken too, whatever its time: the log may lack the last
        changes of some of its parts, and what followed from them must follow again, under the same ids.
        """
        ...

    def records(self, key: str, value: V | None, written: V | None) -> Sequence[tuple[str, bytes | None]]:
        """Return the records, in order, that make the log of a value that was `written` the log of `value`.

        Without `written` these are all records of the value; a `value` of None is one that is forgotten. Each
        has a key of its own, and no value when it removes what has that key.
        """
        ...

    def orphan(self, received: Received[Any]) -> InvalidEvent | None:
        """Return why an event whose key never got a value goes to the dead letters; None when it is only stale."""
        ...

    def rejected(self, topic: Topic[Any], message: Any, error: Exception) -> Sequence[Outgoing]:
        """Return the events that tell whoever waits for what follows from a message that it is not a valid event."""
        ...

    def poisoned(self, received: Received[Any], error: PoisonEvent) -> Sequence[Outgoing]:
        """Return the events that tell whoever waits for what follows from an event that nothing will."""
        ...

    def substitute(self, outgoing: Outgoing, error: InvalidEvent) -> Outgoing | None:
        """Return the small event to send in place of one that is too large, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message off the stream of `topic`, which `agent` reads."""

    delivered: Delivered
    topic: Topic[Any]
    agent: str


@dataclass(frozen=True, slots=True)
class _Time:
    """The place of what no message caused: a key of a partition whose time has come."""

    topic: str
    partition: int
    offset: str = "its time"


class StatefulProcessor(Generic[V]):
    """Decides for all topics of the stateful agents of one worker, over one state."""

    def __init__(self, delivery: Delivery, state_machine: StateMachine[V], *, state_topic: str) -> None:
        self._delivery = delivery
        self._state_machine = state_machine
        self._waiting = PendingEvents()
        self._parking: Parking[_Taken] = Parking(self._restored, self._resume)
        self._writer = StateWriter(delivery, state_machine.records, state_topic)
        self._stirred = asyncio.Event()

    async def run(self, stream: Any, topic: Topic[Any], *, agent: str) -> None:
        """Process the stream of one topic until the worker stops."""
        async for delivered in self._delivery.messages(stream):
            taken, assignment = _Taken(delivered, topic, agent), delivered.assignment
            self._stirred.set()
            if not self._parking.park(
                assignment, taken, is_open=assignment.partition_state.ready and not self._delivery.suspect(delivered)
            ):
                self._process(taken)

    async def _restored(self, assignment: PartitionAssignment) -> None:
        await assignment.partition_state.loaded()
        await self._wake_restored(assignment)

    async def _resume(self, taken: _Taken) -> None:
        if self._delivery.draining:
            return
        if suspect := self._delivery.suspect(taken.delivered):
            with contextlib.suppress(AssignmentEnded):
                await self._delivery.keep_trying(
                    lambda: self._process_suspect(taken, suspect), agent=taken.agent, message=taken.delivered.message
                )
        else:
            self._process(taken)

    async def _process_suspect(self, taken: _Taken, suspect: Suspect) -> None:
        delivered = taken.delivered
        async with self._delivery.processing(delivered, suspect) as clear:
            if (poison := self._delivery.poison(suspect)) is None:
                self._process(taken)
                clear()
                return
            received = self._delivery.parse_poison(taken.topic, delivered.message, suspect)
            also = self._failure_events(received, poison) if received else ()
            await self._dead_letter(delivered, poison, taken.agent, also)

    def _failure_events(self, received: Received[Any], poison: PoisonEvent) -> Sequence[Outgoing]:
        try:
            return self._state_machine.poisoned(received, poison)
        except Exception:
            log.exception("nobody can be told that %s is poison", received.id)
            return ()

    def _process(self, taken: _Taken) -> None:
        delivered, agent = taken.delivered, taken.agent
        try:
            received = self._delivery.parse(taken.topic, delivered.message)
        except Exception as error:  # noqa: BLE001  # whatever it is, the message must not be lost
            delivered.assignment.spawn(self._dead_letter(delivered, error, agent, self._rejections(taken, error)))
        else:
            self._handle(delivered, received, agent)

    def _rejections(self, taken: _Taken, error: Exception) -> Sequence[Outgoing]:
        try:
            return self._state_machine.rejected(taken.topic, taken.delivered.message, error)
        except Exception:
            log.exception("nobody can be told that %s/%s/%s is invalid", *place_of(taken.delivered.message))
            return ()

    def _handle(self, delivered: Delivered, received: Received[Any], agent: str) -> None:
        started = time.perf_counter()
        try:
            with self._delivery.traced(received) as cause:
                self._decide(delivered, cause, agent)
        except BaseException as error:  # whatever it is, the message must not be lost
            if ends_task(error):
                raise
            delivered.assignment.spawn(self._dead_letter(delivered, as_failure(error), agent))
        else:
            self._delivery.metrics.finished(delivered.message.topic, "ok", time.perf_counter() - started)

    def _decide(self, delivered: Delivered, received: Received[Any], agent: str) -> None:
        values, key = delivered.assignment.partition_state.values, self._state_machine.key(received)
        before = values.get(key)
        decision = self._state_machine.decide(before, received, time.time())
        if decision.wait is not None:
            self._waiting.add(key, PendingEvent(delivered, received, agent), time.monotonic() + decision.wait)
            return
        self._apply(delivered.assignment, key, decision, received, delivered.finish)
        if before is None and decision.value is not None:
            for pending in self._waiting.take(key):
                self._handle(pending.delivered, pending.received, pending.agent)

    def _apply(
        self,
        assignment: PartitionAssignment,
        key: str,
        decision: Decision[V],
        cause: Received[Any] | None,
        finish: Callable[[], None],
    ) -> None:
        """Change the memory now; send and write afterwards."""
        if decision.value is not None:
            assignment.partition_state.values.put(key, decision.value)
        if decision.outgoing or not assignment.active:
            assignment.partition_state.values.unsettled(key)
            assignment.spawn(self._settle(assignment, key, decision, cause, finish))
        else:
            _settled(assignment, key, decision, finish)

    async def _settle(
        self,
        assignment: PartitionAssignment,
        key: str,
        decision: Decision[V],
        cause: Received[Any] | None,
        finish: Callable[[], None],
    ) -> None:
        async def publish() -> None:
            await assignment.confirm()
            await self._publish(assignment, key, decision.outgoing, cause)

        try:  # the state has changed already: what follows from that must be sent
            await self._delivery.keep_trying(publish, agent=_NAME, message=cause or _Time(key, assignment.partition))
        except AssignmentEnded:
            return  # the whole state goes with the assignment
        assignment.partition_state.values.settled(key)
        _settled(assignment, key, decision, finish)

    async def _publish(
        self, assignment: PartitionAssignment, key: str, outgoing: Sequence[Outgoing], cause: Received[Any] | None
    ) -> None:
        try:
            await self._delivery.outbox.publish(outgoing, cause, assignment)
        except InvalidEvent as error:
            if len(outgoing) > 1:
                for one in outgoing:  # what was sent already is sent again under the same id
                    await self._publish(assignment, key, [one], cause)
                return
            log.error("cannot send what follows for %s: %s", key, error)  # noqa: TRY400  # says it all
            if small := self._state_machine.substitute(outgoing[0], error):
                await self._publish_substitute(assignment, key, small, cause)

    async def _publish_substitute(
        self, assignment: PartitionAssignment, key: str, small: Outgoing, cause: Received[Any] | None
    ) -> None:
        try:
            await self._delivery.outbox.publish([small], cause, assignment)
        except InvalidEvent as error:  # what cannot be sent at all must not hold up what can
            log.error("nor can be sent for %s what would stand in for it: %s", key, error)  # noqa: TRY400  # likewise

    async def _dead_letter(
        self, delivered: Delivered, error: Exception, agent: str, also: Sequence[Outgoing] = ()
    ) -> None:
        async def dead_letter() -> None:
            await self._delivery.dead_letter(delivered, error, agent=agent, also=also)

        with contextlib.suppress(AssignmentEnded):
            await self._delivery.keep_trying(dead_letter, agent=agent, message=delivered.message)
        self._delivery.metrics.finished(delivered.message.topic, "dead_letter", 0.0)

    async def keep(self, *, interval: float = 0.05, idle: float = 0.25) -> None:
        """Write changed state and wake sleeping keys, every `interval` seconds, until cancelled.

        While no events come, that is every `idle` seconds, and when a key's time has come.
        """
        busy = False
        while True:
            await (asyncio.sleep(0) if busy else self._rest(interval, idle))
            for assignment in self._delivery.assignments:
                if assignment.partition_state.is_loaded and not self._delivery.draining:
                    await self._wake_restored(assignment)
            self._writer.begin(time.time())
            busy = self.wake(time.time())
            self._expire_pending(time.monotonic())

    async def _rest(self, interval: float, idle: float) -> None:
        """Return after `interval` seconds; after `idle` if until then nothing happens."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(idle, max(interval, self._next_time() - time.time()))):
                await self._stirred.wait()
                await asyncio.sleep(interval)
        self._stirred.clear()

    def _next_time(self) -> float:
        """Return when the next key's time comes, in epoch seconds."""
        times = (assignment.partition_state.values.next_time for assignment in self._delivery.assignments)
        return min((at for at in times if at is not None), default=math.inf)

    async def write_changes(self) -> None:
        """Write what has changed, then let the commits pass the events that changed it."""
        await self._writer.write_changes(time.time())

    async def _wake_restored(self, assignment: PartitionAssignment) -> None:
        """Return when all that was read back from the log has been woken once; whoever comes first does it."""
        while restored := assignment.partition_state.values.to_wake(_AT_ONCE):
            self._wake(assignment, restored, time.time())
            await asyncio.sleep(0)

    def wake(self, now: float) -> bool:
        """Decide for keys whose time has come; return whether there may be more of them."""
        busy = False
        for assignment in self._delivery.assignments:
            if assignment.active and assignment.partition_state.ready and not self._delivery.draining:
                due = assignment.partition_state.values.due(now, _AT_ONCE)
                self._wake(assignment, due, now)
                busy = busy or len(due) == _AT_ONCE
        return busy

    def _wake(self, assignment: PartitionAssignment, sleepers: Sequence[tuple[str, V]], now: float) -> None:
        for key, value in sleepers:
            self._stirred.set()
            try:
                decision = self._state_machine.wake(value, now)
            except BaseException as error:  # one key must not stop the loop that writes the state of all
                if ends_task(error):
                    raise
                log.exception("cannot wake %s; it will be tried again", key)
                assignment.partition_state.values.snooze(key, now + _SNOOZE)
                continue
            if decision.forget:
                assignment.partition_state.values.drop(key)
            elif decision.value is not None or decision.outgoing:
                self._apply(assignment, key, decision, None, _no_release)
            else:
                assignment.partition_state.values.put(key, value)  # nothing follows yet: it keeps its time

    def _expire_pending(self, now: float) -> None:
        """Let go of events whose key never got a value: what they refer to ended long ago, or never was."""
        for pending in self._waiting.expired(now):
            if error := self._orphan(pending.received):
                pending.delivered.assignment.spawn(self._dead_letter(pending.delivered, error, pending.agent))
            else:
                pending.delivered.finish()
                self._delivery.metrics.finished(pending.delivered.message.topic, "stale", 0.0)

    def _orphan(self, received: Received[Any]) -> Exception | None:
        try:
            return self._state_machine.orphan(received)
        except Exception as error:  # noqa: BLE001  # as in `_process`
            return error


def _settled(assignment: PartitionAssignment, key: str, decision: Decision[Any], finish: Callable[[], None]) -> None:
    """Have a new value written, and the commit pass its cause then; without one, at once."""
    if decision.value is None:
        finish()
    else:
        assignment.partition_state.values.changed(key, finish)


def _no_release() -> None:
    """Finish no event: time has none."""
