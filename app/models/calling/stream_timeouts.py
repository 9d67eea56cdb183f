"""Stream timeouts on one timer: to the first token, between tokens, and in total."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class StreamTimeouts:
    """Ends a block with TimeoutError after `whole` seconds, or sooner when it is silent for longer than allowed.

    Paused time counts for neither, but in any case it ends after `most` seconds.

    Resetting a timer for each piece of a fast stream would cost more than the piece. Here each piece only stores a
    time, and a single timer checks it when it fires, and is set again if needed.
    """

    def __init__(self, whole: float, silence: float | None = None, *, most: float | None = None) -> None:
        self._whole = whole
        self._most = whole if most is None else most
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        started = self._loop.time()
        self._end, self._last = started + self._whole, started + self._most
        self._until = min(self._end, self._last)
        self._paused: float | None = None
        self._set_timer(self._until)
        if self._silence is not None:
            self.allow(self._silence)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    @property
    def silence(self) -> float | None:
        """The seconds of silence that were last allowed; None if the whole time has run out instead."""
        return self._silence if self._until < min(self._end, self._last) else None

    @property
    def over(self) -> bool:
        """Whether `most` has run out."""
        return self._until == self._last

    def allow(self, silence: float) -> None:
        """From now on, allow `silence` seconds until this is called again."""
        now = self._loop.time()
        if self._paused is not None:
            self._end += now - self._paused
            self._paused = None
        self._silence = silence
        self._until = min(self._end, self._last, now + silence)
        if self._until < self._wakes_at:
            self._timer.cancel()
            self._set_timer(self._until)

    def pause(self) -> None:
        """Stop the clock until silence is allowed again."""
        self._paused = self._loop.time()
        self._until = self._last

    def _check(self) -> None:
        now = self._loop.time()
        if now >= self._until:
            self._timeout.reschedule(now)
        else:
            self._set_timer(self._until)

    def _set_timer(self, until: float) -> None:
        # Kept beside the timer: not every event loop's timer still knows its time after it has fired.
        self._wakes_at = until
        self._timer = self._loop.call_at(until, self._check)
