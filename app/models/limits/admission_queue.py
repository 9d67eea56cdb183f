"""The admission queue of a model: attempts pass when all guards allow it, by priority and then in order of arrival."""

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
from app.models.limits.base import Admission, Guard, QueuedAhead, expected_tokens
from app.models.limits.limiter import Permit
from app.models.outcome import Attempt

_NOBODY_AHEAD = QueuedAhead()
#: Seconds; rounding may leave less to wait for, and a timer for that would come too early again.
_MIN_TIMER_SECONDS = 0.001
#: Cancelled waiters are removed from the queue once they outnumber the others by more than this many.
_CANCELLED_KEPT = 64


@dataclass(slots=True, order=True)
class _Waiter:
    """The highest priority first, then the first that came; the numbers of arrival differ."""

    before: int
    arrival: int
    slot: asyncio.Future[None] = field(compare=False)
    admission: Admission = field(compare=False)
    deadline: float = field(compare=False)


class AdmissionQueue:
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
        self._waiters: list[_Waiter] = []
        self._totals: dict[int, _PriorityTotals] = {}
        self._arrival_numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = math.inf

    @property
    def waiting(self) -> int:
        """How many attempts wait."""
        return sum(totals.requests for totals in self._totals.values())

    async def enter(self, prompt: Prompt, *, priority: int, deadline: float | None) -> Permit:
        """Return when an attempt may be made.

        Raises:
            RateLimited: its slot would not come before the deadline.
            ModelError: the attempt is not to be made.
        """
        admission, now = Admission(expected_tokens(prompt, self._max_tokens)), self._now()
        end = math.inf if deadline is None else deadline
        ahead = self._queued_before(priority) if self._waiters else _NOBODY_AHEAD
        wait = self._wait(now, admission.tokens, ahead)
        if wait == 0 and not ahead.requests:
            self._take(admission, now)
        elif wait < math.inf and now + wait >= end:
            raise self._rate_limited(wait)
        else:
            await self._queue(admission, priority, end)
        return _Permit(self._models[admission.key], admission, self)

    def leave(self, admission: Admission, attempt: Attempt | None) -> None:
        """Take in how an attempt went, and let others through."""
        now = self._now()
        for guard in reversed(self._guards):
            guard.leave(admission, attempt, now)
        if self._waiters:
            if attempt is not None and attempt.error is not None:
                self._refuse_expired(now)
            self.advance()

    def _wait(self, now: float, tokens: int, ahead: QueuedAhead = _NOBODY_AHEAD) -> float:
        return max([guard.wait(now, tokens, ahead) for guard in self._guards])

    def _take(self, admission: Admission, now: float) -> None:
        admission.entered = now
        for guard in self._guards:
            guard.take(admission, now)

    def _queued_before(self, priority: int) -> QueuedAhead:
        """Return what goes before an attempt that comes now."""
        ahead = [totals for other, totals in self._totals.items() if other <= -priority]
        return QueuedAhead(sum(one.requests for one in ahead), sum(one.tokens for one in ahead))

    async def _queue(self, admission: Admission, priority: int, end: float) -> None:
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(-priority, next(self._arrival_numbers), slot, admission, end)
        heapq.heappush(self._waiters, waiter)
        self._totals.setdefault(-priority, _PriorityTotals()).add(1, admission.tokens)
        self.advance()
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled() and slot.exception() is None:
                self.leave(admission, None)  # its slot had come in the same moment
            if slot.cancelled():
                self._remove_from_totals(waiter)
                self._compact()
            raise

    def _remove_from_totals(self, waiter: _Waiter) -> None:
        """Note that a waiter waits no more, at once: those who come before it wakes up are not behind it."""
        totals = self._totals[waiter.before]
        totals.add(-1, -waiter.admission.tokens)
        if not totals.requests:
            del self._totals[waiter.before]

    def _compact(self) -> None:
        if len(self._waiters) > 2 * self.waiting + _CANCELLED_KEPT:
            self._waiters = [waiter for waiter in self._waiters if not waiter.slot.done()]
            heapq.heapify(self._waiters)
        self.advance()  # it may have been at the head, and the next may be content with less

    def advance(self) -> None:
        """Let through whoever may go; see to it that it is asked again when the next one may.

        Whoever changes what the guards wait for, other than by `leave`, calls this.
        """
        now, wait = self._now(), math.inf
        while self._waiters:
            head = self._waiters[0]
            if not head.slot.done():
                try:
                    wait = self._wait(now, head.admission.tokens)
                except ModelError as error:
                    self._refuse_all(error)
                    return
                if wait > 0:
                    break
                self._take(head.admission, now)
                head.slot.set_result(None)
                self._remove_from_totals(head)
            heapq.heappop(self._waiters)
        self._set_timer(wait if self._waiters else math.inf, now)

    def _set_timer(self, wait: float, now: float) -> None:
        wait = max(wait, _MIN_TIMER_SECONDS)
        if self._timer is not None and self._wakes_at <= now + wait:
            return  # it will look, and wait on
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait < math.inf:
            self._wakes_at = now + wait
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._wakes_at = None, math.inf
        self.advance()

    def _refuse_all(self, error: ModelError) -> None:
        line, self._waiters = self._waiters, []
        for waiter in line:
            if not waiter.slot.done():
                self._refuse(waiter, _copy(error))

    def _refuse_expired(self, now: float) -> None:
        """Refuse those whose time will be over before anybody goes."""
        try:
            wait = self._wait(now, 0)
        except ModelError:
            return  # all are refused in a moment
        if not 0 < wait < math.inf:
            return
        for waiter in self._waiters:
            if waiter.deadline <= now + wait and not waiter.slot.done():
                self._refuse(waiter, self._rate_limited(wait))

    def _refuse(self, waiter: _Waiter, error: ModelError) -> None:
        waiter.slot.set_exception(error)
        self._remove_from_totals(waiter)

    def _rate_limited(self, wait: float) -> RateLimited:
        return RateLimited(
            f"the rate limits of this model allow the next call in {wait:.3g} s, after this call's deadline",
            provider=self.model.provider,
            retry_after=wait,
        )


@dataclass(slots=True)
class _PriorityTotals:
    """The waiters of one priority, which is negated as in their order."""

    requests: int = 0
    tokens: int = 0

    def add(self, requests: int, tokens: int) -> None:
        self.requests += requests
        self.tokens += tokens


@dataclass(frozen=True, slots=True)
class _Permit:
    model: Model
    admission: Admission
    admission_queue: AdmissionQueue

    def leave(self, attempt: Attempt | None) -> bool:
        self.admission_queue.leave(self.admission, attempt)
        return self.admission.spared


def _copy(error: ModelError) -> ModelError:
    """Return an error of its own for each: one that is raised in several places grows a traceback of all of them."""
    return type(error)(str(error), provider=error.provider, status=error.status, retry_after=error.retry_after)
