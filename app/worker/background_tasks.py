"""What a worker runs beside its agents: tasks that it needs for as long as it lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class BackgroundTasks:
    """Tasks that run until `end`. `broken` tells of one that ends before: the worker cannot go on without it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self._broken = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work`; `name` is what the log calls it."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def broken(self) -> None:
        """Return when a task has failed; the log says which, and why."""
        await self._broken.wait()

    async def end(self) -> None:
        """Cancel all tasks, and wait for them."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error and not self._ending:
            log.critical("%s ended: %r", task.get_name(), error, exc_info=error)
            self._broken.set()
