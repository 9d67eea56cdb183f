"""The loop of a request agent: it turns a request into events, with I/O in between.

Many messages of one partition are in flight at once, bounded for the worker. A request that has been
answered is recognised and not done again: the topic of the answers is the record of them, read back when
a partition is taken over. An answer is thus recorded in the very moment in which it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.backoff import full_jitter
from app.delivery.assignment import AssignmentEnded
from app.delivery.core import Delivered, Delivery
from app.delivery.envelope import Outgoing, Received
from app.delivery.fair_queue import FairQueue
from app.errors import InvalidEvent, OrchestratorError
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)


def _never(_received: Received[Any]) -> bool:
    return False


def _no_events(_received: Received[Any], _error: Exception) -> Sequence[Outgoing]:
    return ()


@dataclass(frozen=True, slots=True)
class _Taken(Generic[E]):
    """A message off the stream, with the event in it if that had to be known to sort it."""

    delivered: Delivered
    received: Received[E] | None = None
    lane: str = ""
    priority: int = 0


class RequestHandler(Generic[E]):
    """Runs `handle` for the messages of `topic`.

    `identify` names what the message asks for: messages of the same identity run one by one, in order.
    With `answers`, the identity is the id of the answering event, and what has been answered is not done
    again. `failed` makes the events that tell the rest of the system when `handle` has failed for good.
    What is `expired` when its turn comes is let go without an answer: nobody waits for one, and when the same is
    asked for again, it is new. `kind` sorts the events: no kind takes all the places for those in flight, and as many
    events as there are places may wait in memory for theirs before no more is read. Of those of a kind that wait, the
    ones of the highest `priority` are next.
    """

    def __init__(  # noqa: PLR0913  # the options of an agent; all but four have defaults
        self,
        delivery: Delivery,
        topic: Topic[E],
        handle: Callable[[Received[E]], Awaitable[Sequence[Outgoing]]],
        *,
        agent: str,
        identify: Callable[[Received[E]], str],
        answers: bool,
        failed: Callable[[Received[E], Exception], Sequence[Outgoing]] = _no_events,
        expired: Callable[[Received[E]], bool] = _never,
        lane: Callable[[E], str] | None = None,
        priority: Callable[[E], int] | None = None,
    ) -> None:
        self._delivery = delivery
        self._topic = topic
        self._handle = handle
        self._agent = agent
        self._identify = identify
        self._answers = answers
        self._failed = failed
        self._expired = expired
        self._lane = lane
        self._priority = priority
        slots = delivery.settings.max_in_flight
        self._queue: FairQueue[_Taken[E]] = FairQueue(slots, room=slots if lane else 0, shared=lane is not None)
        self._room = asyncio.Event()
        self._rng = random.Random()  # noqa: S311  # jitter needs no secrecy
        self._running: dict[str, asyncio.Event] = {}
        self._busy = 0

    async def run(self, stream: Any) -> None:
        """Process the stream until the worker stops."""
        async for delivered in self._delivery.messages(stream):
            taken = self._take(delivered)
            if self._queue.offer(taken.lane, taken, taken.priority):
                self._start(taken)
            while self._queue.full:
                self._room.clear()
                await self._room.wait()

    def _take(self, delivered: Delivered) -> _Taken[E]:
        if self._lane is None:
            return _Taken(delivered)
        try:
            received = self._delivery.parse(self._topic, delivered.message)
        except InvalidEvent:
            return _Taken(delivered)  # it is dead-lettered when its turn comes
        event = received.event
        return _Taken(delivered, received, self._lane(event), self._priority(event) if self._priority else 0)

    def _start(self, taken: _Taken[E]) -> None:
        task = taken.delivered.assignment.spawn(self._process(taken))
        task.add_done_callback(lambda _task: self._free(taken.lane))
        self._count(1)

    def _free(self, lane: str) -> None:
        self._count(-1)
        waited = self._queue.release(lane)
        while waited:
            taken = waited.pop(0)
            if taken.delivered.assignment.ended or self._delivery.draining:  # it is left to the next owner
                waited += self._queue.release(taken.lane)
            else:
                self._start(taken)
        if not self._queue.full:
            self._room.set()

    def _count(self, change: int) -> None:
        self._busy += change
        self._delivery.metrics.in_flight(self._agent, self._busy)

    async def _process(self, taken: _Taken[E]) -> None:
        started = time.perf_counter()
        outcome = "left"  # to the partition's next owner
        with contextlib.suppress(AssignmentEnded):
            outcome = await self._answer(taken.delivered, taken.received)
        self._delivery.metrics.finished(taken.delivered.message.topic, outcome, time.perf_counter() - started)

    async def _answer(self, delivered: Delivered, received: Received[E] | None) -> str:
        try:
            received = received or self._delivery.parse(self._topic, delivered.message)
        except InvalidEvent as error:
            await self._delivery.dead_letter(delivered, error, agent=self._agent)
            return "dead_letter"
        identity = self._identify(received)
        before, mine = self._running.get(identity), asyncio.Event()
        self._running[identity] = mine
        try:
            if before is not None:
                await before.wait()
            return await self._answer_once(delivered, received, identity)
        finally:
            mine.set()
            if self._running.get(identity) is mine:
                del self._running[identity]

    async def _answer_once(self, delivered: Delivered, received: Received[E], identity: str) -> str:
        partition_state = delivered.assignment.partition_state
        await partition_state.loaded()
        if self._answers and identity in partition_state.answered:
            delivered.finish()
            return "duplicate"
        if self._expired(received):
            delivered.finish()
            return "expired"
        await delivered.assignment.confirm()  # what another owner will do is not begun, and not paid, here
        outcome = await self._do(delivered, received)
        if self._answers:
            partition_state.answered.add(identity, time.time())
        delivered.finish()
        return outcome

    async def _do(self, delivered: Delivered, received: Received[E]) -> str:
        try:
            with self._delivery.traced(received) as cause:
                outgoing = await self._with_retries(cause)
                await delivered.assignment.confirm()
                await self._delivery.outbox.publish(outgoing, cause)
        except AssignmentEnded:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the message must not be lost
            also = self._failed(received, error)
            await self._delivery.dead_letter(delivered, error, agent=self._agent, also=also, cause=received)
            return "dead_letter"
        return "ok"

    async def _with_retries(self, received: Received[E]) -> Sequence[Outgoing]:
        settings = self._delivery.settings
        for attempt in range(settings.retries):
            try:
                return await self._handle(received)
            except OrchestratorError as error:
                if not error.transient:
                    raise
            self._delivery.metrics.retried(self._agent)
            await asyncio.sleep(full_jitter(attempt, base=settings.backoff, cap=settings.max_backoff, rng=self._rng))
        return await self._handle(received)
