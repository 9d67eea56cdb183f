"""Call a model with retries: attempts and waits are decided here, for all components."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cached_property

from app.backoff import full_jitter
from app.errors import ContentFiltered, EmptyAnswer, ModelError, ModelTimeout
from app.models.base import Completion, Prompt
from app.models.calling.attempt import AttemptRunner
from app.models.calling.continuation import can_continue, continuation_prompt
from app.models.calling.hedging import HedgePolicy, race
from app.models.calling.stream_merge import StreamMerge
from app.models.limits.limiter import Limiter, Permit
from app.models.outcome import Attempt, Outcome, Sink
from app.settings import ModelSettings

#: Seconds; a provider that needs more says so in `retry_after`.
_BACKOFF_BASE = 0.5
_BACKOFF_CAP = 20.0
#: After these errors there is nothing to continue.
_NOT_CONTINUED = (ContentFiltered, EmptyAnswer)


@dataclass(frozen=True, slots=True)
class Clock:
    """Clock, sleep and randomness, replaceable in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    rng: random.Random = random.Random()  # noqa: RUF009, S311  # shared on purpose: it spreads load, guards nothing


CLOCK = Clock()


async def call(  # noqa: PLR0913  # what a call may be given; all but two have defaults
    limiter: Limiter,
    prompt: Prompt,
    *,
    settings: ModelSettings,
    deadline: float | None = None,
    priority: int = 0,
    sink: Sink | None = None,
    prefix: str = "",
    hedges: HedgePolicy | None = None,
    clock: Clock = CLOCK,
) -> Outcome:
    """Call the model behind `limiter`, and retry transient errors, with at most `settings.attempts` attempts.

    An attempt may take `settings.timeout` seconds, the call `settings.total_timeout`, in which the wait for a permit
    does not count; nothing continues past `deadline`, which is in the seconds of `clock`. A wait that would end after
    that is not started. Raises nothing but CancelledError, and what `sink` raises. No attempt is made when there is
    no time left for one.

    With a `sink`, the answer is streamed to it, and an attempt that is cut off is continued by the next one. The
    answer starts with `prefix`, which the completion includes. With `hedges`, a slow attempt may be hedged by a second
    one, which together count as one.
    """
    return await _Call(limiter, prompt, settings, priority, sink, clock, hedges, said=prefix).run(deadline)


class _Call:
    def __init__(  # noqa: PLR0917  # what `call` was given
        self,
        limiter: Limiter,
        prompt: Prompt,
        settings: ModelSettings,
        priority: int,
        sink: Sink | None,
        clock: Clock,
        hedges: HedgePolicy | None,
        *,
        said: str,
    ) -> None:
        self._limiter = limiter
        self._prompt = prompt
        self._settings = settings
        self._priority = priority
        self._sink = sink
        self._clock = clock
        self._hedges = hedges
        self._said = said if can_continue(prompt) else ""
        self._attempts: list[Attempt] = []
        self._rounds = 0
        self._spared = False
        self._deadline = self._end = math.inf
        self._waited = 0.0

    async def run(self, deadline: float | None) -> Outcome:
        clock, settings = self._clock, self._settings
        started = clock.now()
        self._deadline = math.inf if deadline is None else deadline
        self._end = min(started + settings.total_timeout, self._deadline)
        error: ModelError | None = None
        while self._rounds < settings.attempts and self._end > clock.now():
            try:
                permit = await self._acquire()
            except ModelError as refused:
                error = refused
                break
            if permit is None:
                break
            attempt = await self._attempt(permit)
            if attempt.completion:
                return self._succeeded(attempt.completion, started)
            error = attempt.error or error
            if error is None or not await self._may_retry(error, spared=self._spared):
                break
        error = error or ModelTimeout(
            "the deadline passed before the call could start", provider=self._limiter.model.provider
        )
        return Outcome(None, error, clock.now() - started, tuple(self._attempts), self._said, waited=self._waited)

    async def _may_retry(self, error: ModelError, *, spared: bool) -> bool:
        """Wait for the next attempt; return whether there should be one."""
        if self._rounds == self._settings.attempts:
            return False
        if spared:  # only one key of several was refused
            return True
        if not error.transient:
            return False
        # Added to what the provider asks, not the larger of the two: it told everyone the same time.
        jitter = full_jitter(self._rounds - 1, base=_BACKOFF_BASE, cap=_BACKOFF_CAP, rng=self._clock.rng)
        wait = (error.retry_after or 0.0) + jitter
        if self._clock.now() + wait >= self._end:
            return False
        await self._clock.sleep(wait)
        return True

    def _succeeded(self, completion: Completion, started: float) -> Outcome:
        whole = replace(completion, text=self._said + completion.text) if self._said else completion
        return Outcome(whole, None, self._clock.now() - started, tuple(self._attempts), waited=self._waited)

    async def _acquire(self) -> Permit | None:
        """Wait for a permit; None if none was granted before the deadline.

        How long the queue is says nothing of the model: the wait does not count for the time of the attempts.
        """
        began = self._clock.now()
        try:
            async with asyncio.timeout(None if self._deadline == math.inf else self._deadline - began):
                return await self._limiter.enter(self._prompt, priority=self._priority, deadline=self._deadline)
        except TimeoutError:
            return None
        finally:
            waited = self._clock.now() - began
            self._waited += waited
            self._end = min(self._end + waited, self._deadline)

    async def _attempt(self, permit: Permit) -> Attempt:
        """Make one attempt, hedged if that is allowed; return the one that counts."""
        self._rounds += 1
        merge = StreamMerge(self._sink, len(self._said)) if self._sink else None
        first, number = self._runner(permit, merge, 1), len(self._attempts)
        after = self._hedges.begin(streamed=merge is not None) if self._hedges else None
        if after is None:
            self._attempts.append(await first.run())
        else:
            self._attempts += await race(first, lambda: self._hedge(merge), after=after)
        made, self._spared = self._attempts[number:], first.spared
        if self._hedges and _shows_latency(made[0]):
            self._hedges.observe(_seconds_to_first_output(made[0]), streamed=merge is not None)
        return self._keep_text(next((one for one in made if not one.lost and one.completion), _last_not_lost(made)))

    def _keep_text(self, attempt: Attempt) -> Attempt:
        kept = not isinstance(attempt.error, _NOT_CONTINUED)
        if attempt.text and not attempt.completion and kept and can_continue(self._prompt):
            self._said += attempt.text
        return attempt

    def _runner(self, permit: Permit, merge: StreamMerge | None, nth: int) -> _PermittedAttempt:
        settings, clock = self._settings, self._clock
        left = self._end - clock.now()
        runner = _PermittedAttempt(permit, continuation_prompt(self._prompt, self._said))
        runner.attempting = AttemptRunner(
            len(self._attempts) + nth,
            permit.model,
            settings=settings,
            timeout=min(settings.timeout, left),
            most=left,
            merge=merge,
            said=self._said,
            now=clock.now,
            on_output=runner.mark_output,
        )
        return runner

    async def _hedge(self, merge: StreamMerge | None) -> _PermittedAttempt | None:
        """Return a hedge attempt, or None if it would have to wait."""
        if self._hedges is None or not self._hedges.affordable:
            return None
        try:
            async with asyncio.timeout(0):
                permit = await self._limiter.enter(self._prompt, priority=self._priority, deadline=self._clock.now())
        except (ModelError, TimeoutError):
            return None
        self._hedges.spend()
        return self._runner(permit, merge, 2)


class _PermittedAttempt:
    """An attempt with its permit, which is always released."""

    attempting: AttemptRunner

    def __init__(self, permit: Permit, prompt: Prompt) -> None:
        self.spared = False
        self._permit = permit
        self._prompt = prompt

    async def run(self) -> Attempt:
        attempt: Attempt | None = None
        try:
            attempt = await self.attempting.run(self._prompt)
        finally:
            self.spared = bool(self._permit.leave(attempt or self.lost()))
        return attempt

    @cached_property
    def output(self) -> asyncio.Future[None]:
        """Done when the first piece has arrived; only used for hedging."""
        return asyncio.get_running_loop().create_future()

    def lost(self) -> Attempt:
        return self.attempting.lost()

    def mark_output(self) -> None:
        if not self.output.done():
            self.output.set_result(None)


def _seconds_to_first_output(attempt: Attempt) -> float:
    return attempt.seconds if attempt.first_token is None else attempt.first_token


def _shows_latency(attempt: Attempt) -> bool:
    """Whether it is a sample of latency: an attempt that was refused at once is not."""
    return attempt.error is None or attempt.first_token is not None or attempt.error.code == "timeout"


def _last_not_lost(made: list[Attempt]) -> Attempt:
    """Return the last attempt that was not abandoned."""
    return next((one for one in reversed(made) if not one.lost), made[-1])
