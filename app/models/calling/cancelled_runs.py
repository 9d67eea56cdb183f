"""Which runs were cancelled a moment ago: their calls end with them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.cancellation import ends_task

T = TypeVar("T")

#: For how long (seconds) a request of a cancelled run may be under way to the agent, and how many such runs are kept.
_SECONDS, _MOST = 60.0, 10_000


class CancelledRuns:
    """Ends the calls of runs that are cancelled, if both are in this worker, as a run and its calls usually are.

    Nothing depends on it but what a provider is paid: a call that it does not end goes on, and its answer is ignored.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cancelled: OrderedDict[str, float] = OrderedDict()
        self._calls: defaultdict[str, set[asyncio.Task[Any]]] = defaultdict(set)

    def add(self, task_id: str) -> None:
        """Note that a run is cancelled, and end its calls."""
        self._cancelled[task_id] = self._clock()
        self._cancelled.move_to_end(task_id)
        while len(self._cancelled) > _MOST:
            self._cancelled.popitem(last=False)
        for call in self._calls.get(task_id, ()):
            call.cancel()

    def __contains__(self, task_id: object) -> bool:
        at = self._cancelled.get(str(task_id))
        return at is not None and self._clock() - at < _SECONDS

    async def unless_cancelled(self, task_id: str, call: Coroutine[Any, Any, T]) -> T | None:
        """Return what a call returns; None if its run was cancelled, or is while it lasts: then it is ended."""
        if task_id in self:
            call.close()
            return None
        under_way = asyncio.create_task(call)
        self._calls[task_id].add(under_way)
        try:
            return await under_way
        except asyncio.CancelledError as error:
            if ends_task(error) or task_id not in self:
                raise
            return None
        finally:
            self._calls[task_id].discard(under_way)
            if not self._calls[task_id]:
                del self._calls[task_id]
