"""Hedged requests: a second attempt beside a slow first one cuts tail latency.

Source: Jeffrey Dean and Luiz André Barroso, "The Tail at Scale", 2013, "Hedged requests".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from app.models.calling.attempt import cancel_attempt
from app.models.outcome import Attempt
from app.settings import HedgeSettings

#: Times that are remembered, how many there must be, and after how many new ones the percentile is recomputed.
_REMEMBERED, _ENOUGH, _RECOMPUTE_AFTER = 256, 20, 16
_PERCENTILE = 0.95
#: Hedge attempts that may be saved up.
_MAX_CREDIT = 10.0


class HedgePolicy:
    """When calls of one model are hedged: after how long, and how often at most.

    Each call earns the share `at_most` of a hedge attempt, so that a model that is slow for everyone is not called
    twice by everyone.
    """

    def __init__(self, settings: HedgeSettings) -> None:
        self._settings = settings
        self._credit = 0.0
        self._times: dict[bool, deque[float]] = {kind: deque(maxlen=_REMEMBERED) for kind in (True, False)}
        self._percentiles: dict[bool, float] = {}
        self._new = {True: 0, False: 0}

    def begin(self, *, streamed: bool) -> float | None:
        """Note a call that starts; return after how many seconds it may be hedged, None if it may not."""
        self._credit = min(self._credit + self._settings.at_most, _MAX_CREDIT)
        if not self.affordable:
            return None
        after = self._settings.after
        return self._percentiles.get(streamed) if after == "p95" else after

    @property
    def affordable(self) -> bool:
        """Whether a hedge attempt is allowed now: other calls may have used the credit since this one started."""
        return self._credit >= 1.0 - 1e-9  # ten tenths add up to slightly less

    def spend(self) -> None:
        """Note that a hedge attempt is made."""
        self._credit -= 1.0

    def observe(self, seconds: float, *, streamed: bool) -> None:
        """Record how long a first attempt took: to its end, or if `streamed` to its first piece."""
        times = self._times[streamed]
        times.append(seconds)
        self._new[streamed] += 1
        if len(times) >= _ENOUGH and (self._new[streamed] >= _RECOMPUTE_AFTER or streamed not in self._percentiles):
            self._new[streamed] = 0
            self._percentiles[streamed] = sorted(times)[int(_PERCENTILE * len(times))]


class Runner(Protocol):
    """An attempt that can be raced."""

    @property
    def output(self) -> asyncio.Future[None]:
        """Done when its first piece has arrived, or it has ended."""
        ...

    async def run(self) -> Attempt:
        """Make the attempt."""
        ...

    def lost(self) -> Attempt:
        """Return it as it stands when it is abandoned."""
        ...


async def race(first: Runner, second: Callable[[], Awaitable[Runner | None]], *, after: float) -> list[Attempt]:
    """Make the first attempt, and `second` as well if the first produces no output for `after` seconds.

    The first to produce output wins; the other is cancelled and marked `lost`. If one fails, the other continues.
    Returns the attempts in the order in which they started. When cancelled, it ends after both have ended, so that
    their costs can be recorded.
    """
    outputs: asyncio.Queue[_Racer] = asyncio.Queue()
    racers = [_Racer(first, outputs)]
    try:
        await asyncio.wait({first.output}, timeout=after)
        leader: _Racer | None = racers[0]
        if not first.output.done() and (other := await second()):
            racers.append(_Racer(other, outputs))
            leader = await _first_ahead(outputs, len(racers))
            await _cancel_all([racer for racer in racers if leader and racer is not leader])
        if leader:
            await asyncio.wait({leader.task})
    except BaseException:
        await _cancel_all(racers)
        raise
    return [racer.result() for racer in racers]


class _Racer:
    def __init__(self, runner: Runner, outputs: asyncio.Queue[_Racer]) -> None:
        self.runner = runner
        runner.output.add_done_callback(lambda _sign: outputs.put_nowait(self))
        self.task = asyncio.create_task(runner.run())
        self.task.add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[Attempt]) -> None:
        if not self.runner.output.done():
            self.runner.output.set_result(None)

    @property
    def failed(self) -> bool:
        """Whether it has ended without an answer."""
        done = self.task.done() and not self.task.cancelled() and self.task.exception() is None
        return done and self.task.result().completion is None

    @property
    def ahead(self) -> bool:
        """Whether it has answered, or started to."""
        return self.runner.output.done() and not self.failed

    def result(self) -> Attempt:
        return self.runner.lost() if self.task.cancelled() or not self.task.done() else self.task.result()


async def _first_ahead(outputs: asyncio.Queue[_Racer], number: int) -> _Racer | None:
    """Return the first attempt that is ahead, in the order of the outputs; None when all have failed."""
    for _ in range(number):
        if (racer := await outputs.get()).ahead:
            return racer
    return None


async def _cancel_all(racers: list[_Racer]) -> None:
    await asyncio.gather(*(cancel_attempt(racer.task) for racer in racers))
