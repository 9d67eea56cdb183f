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


def growth(run: Callable[[Any], object], make: Callable[[int], Any], *, start: int = 64) -> float:
    """Return by how much the time is multiplied when the input is doubled, over two doublings: measured at n and 4n.

    The time is this thread's own, without waiting, and the least of two; `n` is as large as it takes to measure it, and
    at least `start`. A growth that seems too large is measured again, up to five times: a busy machine slows any of
    them down, but not all of them alike. That the input is refused is an outcome, too.
    """
    size = start
    while size < _LARGEST and _seconds(run, make(size)) < _LEAST:
        size *= 4
    found = _doubled(run, make, size)
    for _ in range(4):
        if found > MOST:
            found = min(found, _doubled(run, make, size))
    return found


def _doubled(run: Callable[[Any], object], make: Callable[[int], Any], size: int) -> float:
    small, large = make(size), make(4 * size)
    first = max(_LEAST, min(_seconds(run, small), _seconds(run, small)))
    if (last := _seconds(run, large)) > first * MOST**2:
        last = min(last, _seconds(run, large))
    return math.sqrt(max(_LEAST, last) / first)


def _seconds(run: Callable[[Any], object], given: Any) -> float:
    gc.disable()
    begun = time.thread_time()
    try:
        with suppress(Exception):
            run(given)
        return time.thread_time() - begun
    finally:
        gc.enable()
