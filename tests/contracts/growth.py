"""How the time of a function grows with the size of its input, on a machine that may be busy."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: A doubling of the input may take so many times as long; what takes the square takes 4.
MOST = 2.5
#: Seconds of the processor; below it, the clock and the caches say more than the function does.
_LEAST = 0.003
_LARGEST = 1 << 16
#: The sizes, as multiples of the first, at which a growth that seems too large is measured again; seconds in between.
_AGAIN, _PAUSE = (1, 1, 1, 4, 4, 4, 16, 16, 16), 0.2
#: Seconds of a measurement after which no larger one is made.
_LONG = 0.3


def growth(run: Callable[[Any], object], make: Callable[[int], Any], *, start: int = 64) -> float:
    """Return by how much the time is multiplied when the input is doubled, over two doublings: measured at n and 4n.

    The time is this thread's own, without waiting, and the least that was seen of a size; `n` is as large as it takes
    to measure it, and at least `start`. A growth that seems too large is measured again, and then at larger sizes: a
    busy machine slows down one measurement, and a cache that no longer suffices one size, but what grows too much does
    so at all of them, or takes too long at the next. That the input is refused is an outcome, too.
    """
    size = start
    while size < _LARGEST and _seconds(run, make(size)) < _LEAST:
        size *= 4
    least: dict[int, float] = {}
    for factor in _AGAIN:
        found = _doubled(run, make, size * factor, least)
        if found <= MOST or max(least.values()) > _LONG:
            break
        time.sleep(_PAUSE)
    return found


def _doubled(run: Callable[[Any], object], make: Callable[[int], Any], size: int, least: dict[int, float]) -> float:
    small, large = make(size), make(4 * size)
    for given, n in ((small, size), (small, size), (large, 4 * size)):
        least[n] = min(least.get(n, math.inf), max(_LEAST, _seconds(run, given)))
    return math.sqrt(least[4 * size] / least[size])


def _seconds(run: Callable[[Any], object], given: Any) -> float:
    gc.disable()
    begun = time.thread_time()
    try:
        with suppress(Exception):
            run(given)
        return time.thread_time() - begun
    finally:
        gc.enable()
