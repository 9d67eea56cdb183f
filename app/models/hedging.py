"""A second attempt beside a first one that is slow: of a hundred answers, the slowest few come much sooner.

Source: Jeffrey Dean and Luiz André Barroso, "The Tail at Scale", 2013, "Hedged requests".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from app.models.attempting import give_up
from app.models.outcome import Attempt
from app.settings import HedgeSettings

#: Times that are remembered, how many there must be, and after how many new ones the percentile is computed anew.
_REMEMBERED, _ENOUGH, _ANEW = 256, 20, 16
_PERCENTILE = 0.95
#: Second attempts that may be saved up.
_SAVED = 10.0


class Hedges:
    """When calls of one model are made twice: after how long, and how often at most.

    Each call earns the share `at_most` of a second attempt, so that a model that is slow for all is not asked twice
    by all.
    """

    def __init__(self, settings: HedgeSettings) -> None:
        self._settings = settings
        self._credit = 0.0
        self._times: dict[bool, deque[float]] = {kind: deque(maxlen=_REMEMBERED) for kind in (True, False)}
        self._percentiles: dict[bool, float] = {}
        self._new = {True: 0, False: 0}

    def begin(self, *, streamed: bool) -> float | None:
        """Note a call that begins; return after how many seconds it may be made twice, None if it may not."""
        self._credit = min(self._credit + self._settings.at_most, _SAVED)
        if self._credit < 1.0 - 1e-9:  # what rounding leaves of ten tenths
            return None
        after = self._settings.after
        return self._percentiles.get(streamed) if after == "p95" else after

    def spend(self) -> None:
        """Note that a second attempt is made."""
        self._credit -= 1.0

    def observe(self, seconds: float, *, streamed: bool) -> None:
        """Take in how long a first attempt took: to its end, or when it is `streamed` to its first piece."""
        times = self._times[streamed]
        times.append(seconds)
        self._new[streamed] += 1
        if len(times) >= _ENOUGH and (self._new[streamed] >= _ANEW or streamed not in self._percentiles):
            self._new[streamed] = 0
            self._percentiles[streamed] = sorted(times)[int(_PERCENTILE * len(times))]


class Runner(Protocol):
    """An attempt that can be raced: `sign` is done when its first piece has come, or it has ended."""

    sign: asyncio.Future[None]

    async def run(self) -> Attempt:
        """Make the attempt."""
        ...

    def lost(self) -> Attempt:
        """Return it as it stands when it is given up."""
        ...


async def race(first: Runner, second: Callable[[], Awaitable[Runner | None]], *, after: float) -> list[Attempt]:
    """Make the first attempt, and `second` as well when the first gives no sign for `after` seconds.

    The first that answers, or that begins to, goes on, and the other is given up: it is `lost`. One that fails
    leaves the field to the other. Returns the attempts in the order in which they began.
    """
    racers = [_Racer(first)]
    try:
        await asyncio.wait({first.sign}, timeout=after)
        if not first.sign.done() and (other := await second()):
            racers.append(_Racer(other))
            await _decided(racers)
            await asyncio.gather(*(give_up(racer.task) for racer in racers if not racer.leads(racers)))
        await asyncio.wait({racer.task for racer in racers})
    finally:
        for racer in racers:
            racer.task.cancel()
    return [racer.result() for racer in racers]


class _Racer:
    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.task = asyncio.create_task(runner.run())
        self.task.add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[Attempt]) -> None:
        if not self.runner.sign.done():
            self.runner.sign.set_result(None)

    @property
    def failed(self) -> bool:
        """Whether it has ended without an answer."""
        done = self.task.done() and not self.task.cancelled() and self.task.exception() is None
        return done and self.task.result().completion is None

    @property
    def ahead(self) -> bool:
        """Whether it has answered, or begun to."""
        return self.runner.sign.done() and not self.failed

    def leads(self, racers: list[_Racer]) -> bool:
        """Whether it goes on: it is the first that is ahead, or nobody is."""
        return next((racer for racer in racers if racer.ahead), self) is self

    def result(self) -> Attempt:
        return self.runner.lost() if self.task.cancelled() or not self.task.done() else self.task.result()


async def _decided(racers: list[_Racer]) -> None:
    """Return when one is ahead, or all have failed."""
    while not any(racer.ahead for racer in racers):
        open_signs = {racer.runner.sign for racer in racers if not racer.runner.sign.done()}
        if not open_signs:
            return
        await asyncio.wait(open_signs, return_when=asyncio.FIRST_COMPLETED)
