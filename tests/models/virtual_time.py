"""Time that passes at once: a loop that jumps to its next timer when there is nothing else to do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock only its timers move."""

    _virtual = 1000.0

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # the insides are what is driven
        ahead = [timer.when() for timer in timers if not timer.cancelled()]
        if not self._ready and ahead:  # type: ignore[attr-defined]  # likewise
            self._virtual = max(self._virtual, min(ahead))
        super()._run_once()  # type: ignore[misc]  # likewise


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end, however long it sleeps."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    """Return the time of the running loop."""
    return asyncio.get_running_loop().time()
