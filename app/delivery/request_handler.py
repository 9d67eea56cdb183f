"""The loop of a request agent: it turns a request into events, with I/O in between.

Many messages of one partition are in flight at once, bounded for the worker. A request that has been
answered is recognised and not done again: the topic of the answers is the record of them, read back when
a partition is taken over. An answer is thus recorded in the very moment in which it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.backoff import full_jitter
from app.cancellation import as_failure, ends_task
from app.delivery.assignment.assignment import AssignmentEnded, PartitionAssignment
from app.delivery.assignment.suspicion import Suspect
from app.delivery.core import Delivered, Delivery
from app.delivery.envelope import Outgoing, Received
from app.delivery.fair_queue import FairQueue
from app.delivery.parking import Parking
from app.errors import OrchestratorError
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)

log = logging.getLogger(__name__)


def _never(_received: Received[Any]) -> bool:
    return False


async def _loaded(assignment: PartitionAssignment) -> None:
    await assignment.partition_state.loaded()


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
    What is `expired` before it begins is let go without an answer: nobody waits for one, and when the same is asked for
    again, it is new. `lane` sorts the events: no lane takes all the places for those in flight, and as many events as
    there are places may wait in memory for one before no more is read. Of those that wait in a lane, the ones of the
    highest `priority` are next.
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
        self._parking: Parking[Delivered] = Parking(_loaded, self._resume)
        self._room = asyncio.Event()
        self._rng = random.Random()  # noqa: S311  # jitter needs no secrecy
        self._running: dict[str, asyncio.Event] = {}
        self._busy = 0

    async def run(self, stream: Any) -> None:
        """Process the stream until the worker stops."""
        async for delivered in self._delivery.messages(stream):
            assignment = delivered.assignment
            # What waits for its partition's record of answers takes no place from those whose partition stayed.
            if not self._parking.park(assignment, delivered, is_open=assignment.partition_state.is_loaded):
                self._offer(delivered)
            while self._queue.full:
                self._room.clear()
                await self._room.wait()

    def _take(self, delivered: Delivered) -> _Taken[E]:
        if self._lane is None:
            return _Taken(delivered)
        try:
            received = self._delivery.parse(self._topic, delivered.message)
            event = received.event
            lane, priority = self._lane(event), self._priority(event) if self._priority else 0
        except Exception:  # noqa: BLE001  # it is found again, and dead-lettered, when its turn comes
            return _Taken(delivered)
        return _Taken(delivered, received, lane, priority)

    async def _resume(self, delivered: Delivered) -> None:
        if not self._delivery.draining:
            self._offer(delivered)

    def _offer(self, delivered: Delivered) -> None:
        if suspect := self._delivery.suspect(delivered):
            # Few of them are under way at once; the places are for the others, which go on meanwhile.
            delivered.assignment.spawn(self._process_suspect(delivered, suspect))
            return
        taken = self._take(delivered)
        if self._queue.offer(taken.lane, taken, taken.priority):
            self._start(taken)

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

    async def _process_suspect(self, delivered: Delivered, suspect: Suspect) -> None:
        async def process() -> None:
            async with self._delivery.processing(delivered, suspect) as clear:
                if poison := self._delivery.poison(suspect):
                    received = self._delivery.parse_poison(self._topic, delivered.message, suspect)
                    await self._dead_letter_poison(delivered, poison, received)
                elif await self._process(self._take(delivered)) in {"ok", "dead_letter"}:
                    clear()

        with contextlib.suppress(AssignmentEnded):
            await self._delivery.keep_trying(process, agent=self._agent, message=delivered.message)

    async def _dead_letter_poison(self, delivered: Delivered, poison: Exception, received: Received[E] | None) -> None:
        """Bury an event that kills; of one that is sent again, and was answered for that, no second time."""
        answered = delivered.assignment.partition_state.answered
        identity = self._identify(received) if received and self._answers else None
        if identity is not None and identity in answered:
            delivered.finish()
            return
        await self._dead_letter(delivered, poison, received)
        if identity is not None:
            answered.add(identity, time.time())

    async def _process(self, taken: _Taken[E]) -> str:
        started, message = time.perf_counter(), taken.delivered.message
        outcome = "left"  # to the partition's next owner
        with contextlib.suppress(AssignmentEnded):
            outcome = await self._delivery.keep_trying(
                lambda: self._answer(taken.delivered, taken.received), agent=self._agent, message=message
            )
        self._delivery.metrics.finished(message.topic, outcome, time.perf_counter() - started)
        return outcome

    async def _answer(self, delivered: Delivered, received: Received[E] | None) -> str:
        try:
            received = received or self._delivery.parse(self._topic, delivered.message)
            identity = self._identify(received)
        except Exception as error:  # noqa: BLE001  # whatever it is, the message must not be lost
            return await self._dead_letter(delivered, error, None)
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
                await self._delivery.outbox.publish(outgoing, cause, delivered.assignment)
        except AssignmentEnded:
            raise
        except BaseException as error:  # whatever it is, the message must not be lost
            if ends_task(error):
                raise
            return await self._dead_letter(delivered, as_failure(error), received)
        return "ok"

    async def _dead_letter(self, delivered: Delivered, error: Exception, received: Received[E] | None) -> str:
        also = self._failure_events(received, error) if received else ()

        async def dead_letter() -> None:
            await self._delivery.dead_letter(delivered, error, agent=self._agent, also=also, cause=received)

        await self._delivery.keep_trying(dead_letter, agent=self._agent, message=delivered.message)
        return "dead_letter"

    def _failure_events(self, received: Received[E], error: Exception) -> Sequence[Outgoing]:
        try:
            return self._failed(received, error)
        except Exception:
            log.exception("%s cannot say that %s failed", self._agent, received.id)
            return ()

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
