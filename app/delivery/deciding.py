"""The loop of a decider: an agent that turns an event and the state of its key into further events.

Deciding is a pure, synchronous function; this module does everything around it: it keeps the state by
key, sends what was decided, writes the state behind (see `app.delivery.state`), wakes keys whose time has
come, and lets the commit pass an event when all of that is acknowledged.
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
from app.delivery.envelope import Outgoing, Received
from app.delivery.outbox import Record
from app.delivery.tenure import Tenure, TenureEnded
from app.errors import InvalidEvent
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)
V = TypeVar("V")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decision(Generic[V]):
    """What follows from an event: the new value of its key (or none: unchanged), and the events to send.

    With `wait`, the event came before what it refers to; it is decided again when its key gets a value.
    With `forget`, the key is dropped from memory.
    """

    value: V | None = None
    outgoing: Sequence[Outgoing] = field(default=())
    wait: bool = False
    forget: bool = False


class Mind(Protocol[V]):
    """The domain's side: pure functions on values of type `V`."""

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
        """Return what follows from the time that has come."""
        ...

    def encode(self, value: V) -> bytes:
        """Return the value as it is written to the log."""
        ...

    def lesser(self, outgoing: Sequence[Outgoing], error: InvalidEvent) -> Sequence[Outgoing]:
        """Return the small events to send in place of these, of which one is larger than the broker takes."""
        ...


@dataclass(slots=True)
class _Waiting:
    """An event that came before what it refers to."""

    delivered: Delivered
    received: Received[Any]
    until: float


class Decider(Generic[V]):
    """Decides for all topics of the deciders of one worker, over one state."""

    def __init__(self, delivery: Delivery, mind: Mind[V], *, state_topic: str, patience: float = 60.0) -> None:
        self._delivery = delivery
        self._mind = mind
        self._state_topic = state_topic
        self._patience = patience
        self._waiting: dict[str, list[_Waiting]] = {}
        self._writing = asyncio.Lock()

    async def run(self, stream: Any, topic: Topic[Any], *, agent: str) -> None:
        """Process the stream of one topic until the worker stops."""
        async for delivered in self._delivery.messages(stream):
            await delivered.tenure.holdings.loaded()
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
        if decision.wait:
            until = time.monotonic() + self._patience
            self._waiting.setdefault(key, []).append(_Waiting(delivered, received, until))
            return
        self._apply(delivered.tenure, key, decision, received, delivered.finish)
        if before is None and decision.value is not None:
            for waiting in self._waiting.pop(key, ()):
                self._consider(waiting.delivered, waiting.received, agent)

    def _apply(
        self, tenure: Tenure, key: str, decision: Decision[V], cause: Received[Any] | None, finish: Callable[[], None]
    ) -> None:
        """Change the memory now; send and write afterwards."""
        if decision.value is not None:
            tenure.holdings.values.put(key, decision.value)
        tenure.holdings.values.unsettled(key)
        tenure.spawn(self._settle(tenure, key, decision, cause, finish))

    async def _settle(
        self, tenure: Tenure, key: str, decision: Decision[V], cause: Received[Any] | None, finish: Callable[[], None]
    ) -> None:
        values = tenure.holdings.values
        try:
            await tenure.confirm()
            await self._publish(key, decision.outgoing, cause)
        except TenureEnded:
            return  # the whole state goes with the tenure
        values.settled(key)
        if decision.value is None:
            finish()
        else:
            values.changed(key, finish)

    async def _publish(self, key: str, outgoing: Sequence[Outgoing], cause: Received[Any] | None) -> None:
        try:
            await self._delivery.outbox.publish(outgoing, cause)
        except InvalidEvent as error:
            log.error("cannot send what follows for %s: %s", key, error)  # noqa: TRY400  # says it all
            await self._delivery.outbox.publish(self._mind.lesser(outgoing, error), cause)

    async def _give_up(self, delivered: Delivered, error: Exception, agent: str) -> None:
        with contextlib.suppress(TenureEnded):
            await self._delivery.bury(delivered, error, agent=agent)
        self._delivery.metrics.finished(delivered.message.topic, "dead_letter", 0.0)

    async def keep(self, *, interval: float = 0.05) -> None:
        """Write changed state and wake sleeping keys, every `interval` seconds, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            await self.write_changes()
            self.wake(time.time())
            self._lose_patience(time.monotonic())

    async def write_changes(self) -> None:
        """Write what has changed, then let the commits pass the events that changed it."""
        async with self._writing:  # or a write that is tried again could overtake a newer one
            dirty = [
                (tenure.holdings.values, entry)
                for tenure in self._delivery.tenures
                if tenure.active
                for entry in tenure.holdings.values.take_dirty()
            ]
            try:
                await self._write([(values.partition, key, value) for values, (key, value, _) in dirty])
            except BaseException:  # cancelled, for one: what was not written must still be
                for values, (key, _, releases) in dirty:
                    values.put_back(key, releases)
                raise
        for values, (key, _, releases) in dirty:
            values.written(key)
            for release in releases:
                release()

    async def _write(self, entries: Sequence[tuple[int, str, V]]) -> None:
        """Write values by partition and key; one that the broker does not take stays in memory only."""
        records = [
            Record(self._state_topic, key.encode(), self._mind.encode(value), [], partition)
            for partition, key, value in entries
        ]
        try:
            await self._delivery.outbox.write(records)
        except InvalidEvent as error:
            if len(entries) > 1:
                for entry in entries:
                    await self._write([entry])
            else:
                log.error("the state of %s is not written: %s", entries[0][1], error)  # noqa: TRY400  # says it all

    def wake(self, now: float) -> None:
        """Decide for all keys whose time has come."""
        for tenure in self._delivery.tenures:
            if not tenure.active or not tenure.holdings.ready or self._delivery.draining:
                continue
            values = tenure.holdings.values
            for key, value in values.due(now):
                try:
                    decision = self._mind.wake(value, now)
                except Exception:  # one key must not stop the loop that writes the state of all
                    log.exception("cannot wake %s", key)
                    continue
                if decision.forget:
                    values.drop(key)
                else:
                    self._apply(tenure, key, decision, None, _nothing)

    def _lose_patience(self, now: float) -> None:
        """Let go of events whose run never came: it ended long ago, and is forgotten."""
        for key in [key for key, waiting in self._waiting.items() if waiting[0].until < now]:
            for waiting in self._waiting.pop(key):
                waiting.delivered.finish()
                self._delivery.metrics.finished(waiting.delivered.message.topic, "stale", 0.0)


def _nothing() -> None:
    """Finish no event: time has none."""
