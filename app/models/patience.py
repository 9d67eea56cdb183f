"""How long an attempt may be silent: the time to the first piece, between two, and for the whole, on one timer."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Patience:
    """Ends a block with TimeoutError after `whole` seconds, or sooner when it is silent for longer than it may.

    A timer that is set anew for each piece of a fast stream costs more than the piece. Here it is one time that is
    noted, and a single timer that looks at it when it runs out, and then sleeps on.
    """

    def __init__(self, whole: float, silence: float | None = None) -> None:
        self._whole = whole
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._end = self._loop.time() + self._whole
        self._until = self._end
        self._sleep(self._end)
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
        """The seconds of silence that were allowed last; None when the whole time is what has run out."""
        return self._silence if self._until < self._end else None

    def allow(self, silence: float) -> None:
        """From now on, allow `silence` seconds until this is called again."""
        self._silence = silence
        self._until = min(self._end, self._loop.time() + silence)
        if self._until < self._wakes_at:
            self._timer.cancel()
            self._sleep(self._until)

    def pause(self) -> None:
        """Let only the whole time count, until silence is allowed again."""
        self._until = self._end

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._until:
            self._timeout.reschedule(now)
        else:
            self._sleep(self._until)

    def _sleep(self, until: float) -> None:
        # The time is kept beside the timer: not every loop's timer tells it any more when it has run out.
        self._wakes_at = until
        self._timer = self._loop.call_at(until, self._look)
