"""Calling a model until it answers: attempts, time-outs and waits, decided in one place for all components."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import cast

from app.backoff import full_jitter
from app.errors import ModelError, ModelTimeout, OrchestratorError, Unavailable
from app.models.base import Completion, Delta, Model, Prompt, StreamingModel
from app.models.continuing import can_continue, continuing
from app.models.gate import Gate, Passage
from app.models.outcome import Attempt, Outcome, Piece, Sink
from app.settings import ModelSettings

#: Seconds; a provider that wants more says so in `retry_after`.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 20.0

_log = logging.getLogger(__name__)


class ComponentFault(ModelError):
    """A component raised what it should not: a fault of its own, which a retry does not mend."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Clock:
    """How time passes; tests have a clock and luck of their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    rng: random.Random = random.Random()  # noqa: RUF009, S311  # shared on purpose: it spreads load, guards nothing


CLOCK = Clock()


async def call(
    gate: Gate,
    prompt: Prompt,
    *,
    settings: ModelSettings,
    deadline: float | None = None,
    priority: int = 0,
    sink: Sink | None = None,
    prefix: str = "",
    clock: Clock = CLOCK,
) -> Outcome:
    """Ask the model behind `gate`, again after a transient error, for at most `settings.attempts` attempts.

    An attempt may take `settings.timeout` seconds, all of it `settings.total_timeout`; nothing goes on past
    `deadline`, which is in the seconds of `clock`. A wait that would end after that is not begun. Raises
    nothing but CancelledError, and what `sink` raises. There is no attempt when there was no time left for one.

    With a `sink`, the answer is streamed to it, and an attempt that is cut off is continued by the next one. Of
    the answer `prefix` stands already; the completion has it too.
    """
    return await _Call(gate, prompt, settings, priority, sink, clock, said=prefix).run(deadline)


class _Call:
    def __init__(  # what `call` was given
        self,
        gate: Gate,
        prompt: Prompt,
        settings: ModelSettings,
        priority: int,
        sink: Sink | None,
        clock: Clock,
        *,
        said: str,
    ) -> None:
        self._gate = gate
        self._prompt = prompt
        self._settings = settings
        self._priority = priority
        self._sink = sink
        self._clock = clock
        self._said = said if can_continue(prompt) else ""
        self._attempts: list[Attempt] = []
        self._provider = gate.model.provider

    async def run(self, deadline: float | None) -> Outcome:
        clock, settings = self._clock, self._settings
        started = clock.now()
        end = min(started + settings.total_timeout, math.inf if deadline is None else deadline)
        error: ModelError = ModelTimeout("the deadline passed before the call could begin", provider=self._provider)
        while self.tries < settings.attempts and end > clock.now():
            try:
                attempt = await self._attempt(end)
            except ModelError as refused:  # at the gate
                error = refused
                break
            if attempt is None:
                break
            if attempt.completion:
                return self._outcome(attempt.completion, None, started)
            error = cast("ModelError", attempt.error)
            if not error.transient or self.tries == settings.attempts:
                break
            wait = self._wait(error)
            if clock.now() + wait >= end:
                break
            await clock.sleep(wait)
        return self._outcome(None, error, started)

    @property
    def tries(self) -> int:
        return len(self._attempts)

    def _outcome(self, completion: Completion | None, error: ModelError | None, started: float) -> Outcome:
        seconds = self._clock.now() - started
        if completion:
            whole = replace(completion, text=self._said + completion.text) if self._said else completion
            return Outcome(whole, None, seconds, tuple(self._attempts))
        return Outcome(None, error, seconds, tuple(self._attempts), self._said)

    def _wait(self, error: ModelError) -> float:
        # Added to what the provider asks, not the larger of both: it asked everyone for the same moment.
        jitter = full_jitter(self.tries - 1, base=_FIRST_WAIT, cap=_LONGEST_WAIT, rng=self._clock.rng)
        return (error.retry_after or 0.0) + jitter

    async def _attempt(self, end: float) -> Attempt | None:
        """Make one attempt; None when its turn had not come in time."""
        passage = await self._enter(end)
        if passage is None:
            return None
        attempt: Attempt | None = None
        try:
            timeout = min(self._settings.timeout, end - self._clock.now())
            attempt = await self._ask(passage.model, timeout)
        finally:
            passage.leave(attempt)
        self._attempts.append(attempt)
        if attempt.text and not attempt.completion and can_continue(self._prompt):
            self._said += attempt.text
        return attempt

    async def _enter(self, end: float) -> Passage | None:
        try:
            async with asyncio.timeout(None if end == math.inf else end - self._clock.now()):
                return await self._gate.enter(self._prompt, priority=self._priority, deadline=end)
        except TimeoutError:
            return None

    async def _ask(self, model: Model, timeout: float) -> Attempt:
        number, started = self.tries + 1, self._clock.now()
        prompt = continuing(self._prompt, self._said)
        if self._sink is not None:
            return await self._stream(model, prompt, timeout, self._sink)
        answer = await _guarded(model, model.complete(prompt, timeout=timeout), timeout)
        seconds = self._clock.now() - started
        if isinstance(answer, Completion):
            return Attempt(number, seconds, completion=answer)
        return Attempt(number, seconds, error=answer)

    async def _stream(self, model: Model, prompt: Prompt, timeout: float, sink: Sink) -> Attempt:
        """Make an attempt whose pieces go to `sink` as they come."""
        number, started, base = self.tries + 1, self._clock.now(), len(self._said)
        taken = _Taken(number, base, started, self._clock.now, sink)
        work = self._take(model, prompt, timeout, taken)
        answer = await _guarded(model, work, timeout)
        seconds = self._clock.now() - started
        if isinstance(answer, Completion):
            await sink(Piece(number, base, end=True, finish_reason=answer.finish_reason))
            return taken.attempt(seconds, completion=answer)
        await sink(Piece(number, base, end=True, error=answer))
        return taken.attempt(seconds, error=answer)

    async def _take(self, model: Model, prompt: Prompt, timeout: float, taken: _Taken) -> Completion:
        if "streaming" not in model.features:
            completion = await model.complete(prompt, timeout=timeout)
            await taken.add(Delta(completion.text, completion.reasoning))
            return completion
        settings = self._settings
        patience = settings.first_token_timeout
        async with aclosing(cast("StreamingModel", model).stream(prompt, timeout=timeout)) as pieces:
            while True:
                try:
                    async with asyncio.timeout(patience):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    raise Unavailable("the answer ended without an end", provider=model.provider) from None
                except TimeoutError:
                    what = "no further piece" if taken.any else "no first piece"
                    raise ModelTimeout(f"{what} of the answer within {patience} s", provider=model.provider) from None
                if isinstance(piece, Completion):
                    return piece
                await taken.add(piece)
                patience = settings.token_timeout


class _Taken:
    """What has come of a streamed attempt."""

    def __init__(self, number: int, base: int, started: float, now: Callable[[], float], sink: Sink) -> None:
        self.any = False
        self._number = number
        self._base = base
        self._started = self._last = started
        self._now = now
        self._sink = sink
        self._first: float | None = None
        self._gap: float | None = None
        self._text: list[str] = []

    async def add(self, delta: Delta) -> None:
        now = self._now()
        if self._first is None:
            self._first = now - self._started
        else:
            self._gap = max(self._gap or 0.0, now - self._last)
        self._last, self.any = now, True
        if delta.reasoning:
            await self._sink(Piece(self._number, self._base, "reasoning", delta.reasoning))
        if delta.text:
            self._text.append(delta.text)
            await self._sink(Piece(self._number, self._base, "text", delta.text))

    def attempt(
        self, seconds: float, *, completion: Completion | None = None, error: ModelError | None = None
    ) -> Attempt:
        return Attempt(self._number, seconds, completion, error, "".join(self._text), self._first, self._gap)


async def _guarded(model: Model, work: Awaitable[Completion], timeout: float) -> Completion | ModelError:
    try:
        # The component was told the time; this holds it to it.
        async with asyncio.timeout(timeout):
            return await work
    except ModelError as error:
        return error
    except TimeoutError:
        return ModelTimeout(f"no answer within {timeout:.3g} s", provider=model.provider)
    except Exception as fault:  # noqa: BLE001  # a third party's component must not stop the worker
        return _fault(model, fault)


def _fault(model: Model, fault: Exception) -> ComponentFault:
    kind = type(fault).__name__
    # Where it happened helps to mend it; what the exception says may quote a key, and stays out.
    _log.error(
        "model component %s raised %s\n%s", model.provider, kind, "".join(traceback.format_tb(fault.__traceback__))
    )
    said = f": {fault}" if isinstance(fault, OrchestratorError) else ""
    return ComponentFault(f"the {model.provider} component failed with {kind}{said}", provider=model.provider)
