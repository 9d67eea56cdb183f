"""The gate before a model: attempts pass one by one when all guards let them, by priority and then by arrival."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from app.errors import ModelError, RateLimited
from app.models.base import Model, Prompt
from app.models.gate import Passage
from app.models.guards.base import Ahead, Guard, Ticket, expected_tokens
from app.models.outcome import Attempt

_NOBODY = Ahead()
#: Seconds; rounding may leave less to wait for, and a timer for that would come too early again.
_TICK = 0.001
#: Waiters that have given up stay in the line up to so many, and as many again as wait.
_FEW = 64


@dataclass(slots=True, order=True)
class _Waiter:
    """The highest priority first, then the first that came; the numbers of arrival differ."""

    before: int
    arrival: int
    turn: asyncio.Future[None] = field(compare=False)
    ticket: Ticket = field(compare=False)
    deadline: float = field(compare=False)


class Turnstile:
    """One line of waiters before all `guards` of a model.

    A line for each guard would let an unimportant attempt that has passed the first hold up an important one at the
    next; here nobody holds anything while it waits. `models` has the component for each key. Whoever is at the head
    goes first: a small attempt does not overtake a large one for which there are not enough tokens yet, for then the
    large one might never go.
    """

    def __init__(
        self,
        models: Sequence[Model],
        guards: Sequence[Guard],
        *,
        max_tokens: int | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = models[0]
        self._models = models
        self._guards = guards
        self._max_tokens = max_tokens
        self._now = now
        self._line: list[_Waiter] = []
        self._tallies: dict[int, _Tally] = {}
        self._arrivals = count()
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf

    @property
    def waiting(self) -> int:
        """How many attempts wait."""
        return sum(tally.requests for tally in self._tallies.values())

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Passage:
        """Return when an attempt may be made.

        Raises:
            RateLimited: its turn would not come before the deadline.
            ModelError: the attempt is not to be made.
        """
        ticket, now = Ticket(expected_tokens(prompt, self._max_tokens)), self._now()
        end = math.inf if deadline is None else deadline
        ahead = self._before(priority) if self._line else _NOBODY
        wait = self._wait(now, ticket.tokens, ahead)
        if wait == 0 and not ahead.requests:
            self._take(ticket, now)
        elif wait < math.inf and now + wait >= end:
            raise self._too_late(wait)
        else:
            await self._queue(ticket, priority, end)
        return _Passage(self._models[ticket.key], ticket, self)

    def leave(self, ticket: Ticket, attempt: Attempt | None) -> None:
        """Take in how an attempt went, and let others through."""
        now = self._now()
        for guard in reversed(self._guards):
            guard.leave(ticket, attempt, now)
        if self._line:
            if attempt is not None and attempt.error is not None:
                self._refuse_hopeless(now)
            self._advance()

    def _wait(self, now: float, tokens: int, ahead: Ahead = _NOBODY) -> float:
        return max([guard.wait(now, tokens, ahead) for guard in self._guards])

    def _take(self, ticket: Ticket, now: float) -> None:
        ticket.entered = now
        for guard in self._guards:
            guard.take(ticket, now)

    def _before(self, priority: int) -> Ahead:
        """Return what goes before an attempt that comes now."""
        ahead = [tally for other, tally in self._tallies.items() if other <= -priority]
        return Ahead(sum(one.requests for one in ahead), sum(one.tokens for one in ahead))

    async def _queue(self, ticket: Ticket, priority: int, end: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(-priority, next(self._arrivals), turn, ticket, end)
        heapq.heappush(self._line, waiter)
        self._tallies.setdefault(-priority, _Tally()).add(1, ticket.tokens)
        self._advance()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(ticket, None)  # its turn had come in the same moment
            if turn.cancelled():
                self._uncount(waiter)
                self._forget_cancelled()
            raise

    def _uncount(self, waiter: _Waiter) -> None:
        """Note that a waiter waits no more, at once: those who come before it wakes up are not behind it."""
        tally = self._tallies[waiter.before]
        tally.add(-1, -waiter.ticket.tokens)
        if not tally.requests:
            del self._tallies[waiter.before]

    def _forget_cancelled(self) -> None:
        if len(self._line) > 2 * self.waiting + _FEW:
            self._line = [waiter for waiter in self._line if not waiter.turn.done()]
            heapq.heapify(self._line)
        self._advance()  # it may have been at the head, and the next may be content with less

    def _advance(self) -> None:
        """Let through whoever may go; see to it that it is asked again when the next one may."""
        now, wait = self._now(), math.inf
        while self._line:
            head = self._line[0]
            if not head.turn.done():
                try:
                    wait = self._wait(now, head.ticket.tokens)
                except ModelError as error:
                    self._refuse_all(error)
                    return
                if wait > 0:
                    break
                self._take(head.ticket, now)
                head.turn.set_result(None)
                self._uncount(head)
            heapq.heappop(self._line)
        self._wake_in(wait if self._line else math.inf, now)

    def _wake_in(self, wait: float, now: float) -> None:
        wait = max(wait, _TICK)
        if self._timer is not None and self._wakes_at <= now + wait:
            return  # it will look, and wait on
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait < math.inf:
            self._wakes_at = now + wait
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    def _wake(self) -> None:
        self._timer, self._wakes_at = None, math.inf
        self._advance()

    def _refuse_all(self, error: ModelError) -> None:
        line, self._line = self._line, []
        for waiter in line:
            if not waiter.turn.done():
                self._refuse(waiter, _copy(error))

    def _refuse_hopeless(self, now: float) -> None:
        """Refuse those whose time will be over before anybody goes."""
        try:
            wait = self._wait(now, 0)
        except ModelError:
            return  # all are refused in a moment
        if not 0 < wait < math.inf:
            return
        for waiter in self._line:
            if waiter.deadline <= now + wait and not waiter.turn.done():
                self._refuse(waiter, self._too_late(wait))

    def _refuse(self, waiter: _Waiter, error: ModelError) -> None:
        waiter.turn.set_exception(error)
        self._uncount(waiter)

    def _too_late(self, wait: float) -> RateLimited:
        return RateLimited(
            f"the limits of this model let a call through in {wait:.3g} s, when nobody waits for it any more",
            provider=self.model.provider,
            retry_after=wait,
        )


@dataclass(slots=True)
class _Tally:
    """The waiters of one priority, which is negated as in their order."""

    requests: int = 0
    tokens: int = 0

    def add(self, requests: int, tokens: int) -> None:
        self.requests += requests
        self.tokens += tokens


@dataclass(frozen=True, slots=True)
class _Passage:
    model: Model
    ticket: Ticket
    turnstile: Turnstile

    def leave(self, attempt: Attempt | None) -> bool:
        self.turnstile.leave(self.ticket, attempt)
        return self.ticket.spared


def _copy(error: ModelError) -> ModelError:
    """Return an error of its own for each: one that is raised in several places grows a traceback of all of them."""
    return type(error)(str(error), provider=error.provider, status=error.status, retry_after=error.retry_after)
