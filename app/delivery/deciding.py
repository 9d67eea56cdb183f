"""The loop of a decider: an agent that turns an event and the state of its key into further events.

Deciding is a pure, synchronous function; this module does everything around it: it keeps the state by
key, sends what was decided, has the state written behind (see `app.delivery.state`), wakes keys whose time
has come, and lets the commit pass an event when all of that is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from app.delivery.core import Delivered, Delivery
from app.delivery.early import Early, WaitingRoom
from app.delivery.envelope import Outgoing, Received
from app.delivery.tenure import Tenure, TenureEnded
from app.delivery.writing import StateWriter
from app.errors import InvalidEvent
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)
V = TypeVar("V")

log = logging.getLogger(__name__)


#: How many keys of one partition are woken before others have their turn.
_AT_ONCE = 100
#: After so many seconds a key is woken again whose waking failed.
_SNOOZE = 10.0


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


class Mind(Protocol[V]):
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

    def lesser(self, outgoing: Outgoing, error: InvalidEvent) -> Outgoing | None:
        """Return the small event to send in place of one that is too large, if there is one."""
        ...


class Decider(Generic[V]):
    """Decides for all topics of the deciders of one worker, over one state."""

    def __init__(self, delivery: Delivery, mind: Mind[V], *, state_topic: str) -> None:
        self._delivery = delivery
        self._mind = mind
        self._waiting = WaitingRoom()
        self._writer = StateWriter(delivery, mind.records, state_topic)

    async def run(self, stream: Any, topic: Topic[Any], *, agent: str) -> None:
        """Process the stream of one topic until the worker stops."""
        async for delivered in self._delivery.messages(stream):
            await delivered.tenure.holdings.loaded()
            await self._rouse(delivered.tenure)
            try:
                received = self._delivery.parse(topic, delivered.message)
            except InvalidEvent as error:
                delivered.tenure.spawn(self._give_up(delivered, error, agent))
            else:
                self._consider(delivered, received, agent)

    def _consider(self, delivered: Delivered, received: Received[Any], agent: str) -> None:
        started = time.perf_counter()
        try:
            with self._delivery.traced(received) as cause:
                self._decide(delivered, cause, agent)
        except Exception as error:  # noqa: BLE001  # whatever it is, the message must not be lost
            delivered.tenure.spawn(self._give_up(delivered, error, agent))
        else:
            self._delivery.metrics.finished(delivered.message.topic, "ok", time.perf_counter() - started)

    def _decide(self, delivered: Delivered, received: Received[Any], agent: str) -> None:
        values, key = delivered.tenure.holdings.values, self._mind.key(received)
        before = values.get(key)
        decision = self._mind.decide(before, received, time.time())
        if decision.wait is not None:
            self._waiting.add(key, Early(delivered, received, agent), time.monotonic() + decision.wait)
            return
        self._apply(delivered.tenure, key, decision, received, delivered.finish)
        if before is None and decision.value is not None:
            for early in self._waiting.take(key):
                self._consider(early.delivered, early.received, early.agent)

    def _apply(
        self, tenure: Tenure, key: str, decision: Decision[V], cause: Received[Any] | None, finish: Callable[[], None]
    ) -> None:
        """Change the memory now; send and write afterwards."""
        if decision.value is not None:
            tenure.holdings.values.put(key, decision.value)
        if decision.outgoing or not tenure.active:
            tenure.holdings.values.unsettled(key)
            tenure.spawn(self._settle(tenure, key, decision, cause, finish))
        else:
            _settled(tenure, key, decision, finish)

    async def _settle(
        self, tenure: Tenure, key: str, decision: Decision[V], cause: Received[Any] | None, finish: Callable[[], None]
    ) -> None:
        try:
            await tenure.confirm()
            await self._publish(key, decision.outgoing, cause)
        except TenureEnded:
            return  # the whole state goes with the tenure
        tenure.holdings.values.settled(key)
        _settled(tenure, key, decision, finish)

    async def _publish(self, key: str, outgoing: Sequence[Outgoing], cause: Received[Any] | None) -> None:
        try:
            await self._delivery.outbox.publish(outgoing, cause)
        except InvalidEvent as error:
            if len(outgoing) > 1:
                for one in outgoing:  # what was sent already is sent again under the same id
                    await self._publish(key, [one], cause)
                return
            log.error("cannot send what follows for %s: %s", key, error)  # noqa: TRY400  # says it all
            if small := self._mind.lesser(outgoing[0], error):
                await self._publish_instead(key, small, cause)

    async def _publish_instead(self, key: str, small: Outgoing, cause: Received[Any] | None) -> None:
        try:
            await self._delivery.outbox.publish([small], cause)
        except InvalidEvent as error:  # what cannot be sent at all must not hold up what can
            log.error("nor can be sent for %s what would stand in for it: %s", key, error)  # noqa: TRY400  # likewise

    async def _give_up(self, delivered: Delivered, error: Exception, agent: str) -> None:
        with contextlib.suppress(TenureEnded):
            await self._delivery.bury(delivered, error, agent=agent)
        self._delivery.metrics.finished(delivered.message.topic, "dead_letter", 0.0)

    async def keep(self, *, interval: float = 0.05) -> None:
        """Write changed state and wake sleeping keys, every `interval` seconds, until cancelled."""
        busy = False
        while True:
            await asyncio.sleep(0 if busy else interval)
            for tenure in self._delivery.tenures:
                if tenure.holdings.is_loaded and not self._delivery.draining:
                    await self._rouse(tenure)
            await self.write_changes()
            busy = self.wake(time.time())
            self._lose_patience(time.monotonic())

    async def write_changes(self) -> None:
        """Write what has changed, then let the commits pass the events that changed it."""
        await self._writer.write_changes(time.time())

    async def _rouse(self, tenure: Tenure) -> None:
        """Return when all that was read back from the log has been woken once; whoever comes first does it."""
        while restored := tenure.holdings.values.to_wake(_AT_ONCE):
            self._wake(tenure, restored, time.time())
            await asyncio.sleep(0)

    def wake(self, now: float) -> bool:
        """Decide for keys whose time has come; return whether there may be more of them."""
        busy = False
        for tenure in self._delivery.tenures:
            if tenure.active and tenure.holdings.ready and not self._delivery.draining:
                due = tenure.holdings.values.due(now, _AT_ONCE)
                self._wake(tenure, due, now)
                busy = busy or len(due) == _AT_ONCE
        return busy

    def _wake(self, tenure: Tenure, sleepers: Sequence[tuple[str, V]], now: float) -> None:
        for key, value in sleepers:
            try:
                decision = self._mind.wake(value, now)
            except Exception:  # one key must not stop the loop that writes the state of all
                log.exception("cannot wake %s; it will be tried again", key)
                tenure.holdings.values.snooze(key, now + _SNOOZE)
                continue
            if decision.forget:
                tenure.holdings.values.drop(key)
            elif decision.value is not None or decision.outgoing:
                self._apply(tenure, key, decision, None, _nothing)
            else:
                tenure.holdings.values.put(key, value)  # nothing follows yet: it keeps its time

    def _lose_patience(self, now: float) -> None:
        """Let go of events whose key never got a value: what they refer to ended long ago, or never was."""
        for early in self._waiting.expired(now):
            if error := self._orphan(early.received):
                early.delivered.tenure.spawn(self._give_up(early.delivered, error, early.agent))
            else:
                early.delivered.finish()
                self._delivery.metrics.finished(early.delivered.message.topic, "stale", 0.0)

    def _orphan(self, received: Received[Any]) -> Exception | None:
        try:
            return self._mind.orphan(received)
        except Exception as error:  # noqa: BLE001  # as in `_consider`
            return error


def _settled(tenure: Tenure, key: str, decision: Decision[Any], finish: Callable[[], None]) -> None:
    """Have a new value written, and the commit pass its cause then; without one, at once."""
    if decision.value is None:
        finish()
    else:
        tenure.holdings.values.changed(key, finish)


def _nothing() -> None:
    """Finish no event: time has none."""
