"""The loop of a doer: an agent that turns a request into events, with the outside world in between.

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
from typing import Any, Generic, TypeVar

from app.backoff import full_jitter
from app.delivery.core import Delivered, Delivery
from app.delivery.envelope import Outgoing, Received
from app.delivery.tenure import TenureEnded
from app.errors import InvalidEvent, OrchestratorError
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)


def _no_events(_received: Received[Any], _error: Exception) -> Sequence[Outgoing]:
    return ()


class Doer(Generic[E]):
    """Runs `handle` for the messages of `topic`.

    `identify` names what the message asks for: messages of the same identity run one by one, in order.
    With `answers`, the identity is the id of the answering event, and what has been answered is not done
    again. `failed` makes the events that tell the rest of the system when `handle` has failed for good.
    """

    def __init__(
        self,
        delivery: Delivery,
        topic: Topic[E],
        handle: Callable[[Received[E]], Awaitable[Sequence[Outgoing]]],
        *,
        agent: str,
        identify: Callable[[Received[E]], str],
        answers: bool,
        failed: Callable[[Received[E], Exception], Sequence[Outgoing]] = _no_events,
    ) -> None:
        self._delivery = delivery
        self._topic = topic
        self._handle = handle
        self._agent = agent
        self._identify = identify
        self._answers = answers
        self._failed = failed
        self._slots = asyncio.Semaphore(delivery.settings.max_in_flight)
        self._rng = random.Random()  # noqa: S311  # jitter needs no secrecy
        self._running: dict[str, asyncio.Event] = {}
        self._busy = 0

    async def run(self, stream: Any) -> None:
        """Process the stream until the worker stops."""
        async for delivered in self._delivery.messages(stream):
            await self._slots.acquire()
            delivered.tenure.spawn(self._process(delivered)).add_done_callback(self._free)
            self._count(1)

    def _free(self, _task: asyncio.Task[None]) -> None:
        self._slots.release()
        self._count(-1)

    def _count(self, change: int) -> None:
        self._busy += change
        self._delivery.metrics.in_flight(self._agent, self._busy)

    async def _process(self, delivered: Delivered) -> None:
        started = time.perf_counter()
        outcome = "left"  # to the partition's next owner
        with contextlib.suppress(TenureEnded):
            outcome = await self._answer(delivered)
        self._delivery.metrics.finished(delivered.message.topic, outcome, time.perf_counter() - started)

    async def _answer(self, delivered: Delivered) -> str:
        try:
            received = self._delivery.parse(self._topic, delivered.message)
        except InvalidEvent as error:
            await self._delivery.bury(delivered, error, agent=self._agent)
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
        holdings = delivered.tenure.holdings
        await holdings.loaded()
        if self._answers and identity in holdings.answered:
            delivered.finish()
            return "duplicate"
        await delivered.tenure.confirm()  # what another owner will do is not begun, and not paid, here
        outcome = await self._do(delivered, received)
        if self._answers:
            holdings.answered.add(identity, time.time())
        delivered.finish()
        return outcome

    async def _do(self, delivered: Delivered, received: Received[E]) -> str:
        try:
            with self._delivery.traced(received) as cause:
                outgoing = await self._with_retries(cause)
                await delivered.tenure.confirm()
                await self._delivery.outbox.publish(outgoing, cause)
        except TenureEnded:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the message must not be lost
            also = self._failed(received, error)
            await self._delivery.bury(delivered, error, agent=self._agent, also=also, cause=received)
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
