"""Running a command's coroutine, on uvloop where it is installed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def tune_garbage_collector() -> None:
    """Have the garbage collector leave what start-up made alone, and look less often at what events make.

    Nearly all of that is freed by reference counts; looking for cycles in it took a quarter of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 50)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # optional
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
