"""Poll batches: each at most once per interval however many ask; results are kept for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.errors import ModelError
from app.models.base import BatchResults

#: The result of a poll: None while the batch is running, an error if its state is unknown.
PollResult = BatchResults | ModelError | None

#: How many answers are kept in memory, and how many batches known to be running.
_MAX_ANSWERS = 20_000
_MAX_BATCHES = 10_000


@dataclass(slots=True)
class _PolledBatch:
    at: float
    task: asyncio.Task[PollResult]

    @property
    def answers(self) -> int:
        found = self.task.result() if self.task.done() and not self.task.cancelled() else None
        return len(found.answers) if isinstance(found, BatchResults) else 0


class BatchPoller:
    """Has `poll` called for a batch at most once in `every` seconds, and for one that is over only once.

    Its results are kept for twice that time, so that all waiters can ask, unless there are too many.
    """

    def __init__(self, poll: Callable[[str], Awaitable[PollResult]], *, every: float, now: Callable[[], float]) -> None:
        self._poll = poll
        self._every = every
        self._now = now
        self._known: OrderedDict[str, _PolledBatch] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    async def at(self, batch: str) -> PollResult:
        """Return the state of a batch."""
        self._drop_old()
        known = self._known.get(batch)
        if known is None or (not known.answers and known.task.done() and self._now() - known.at >= self._every):
            known = self._known[batch] = _PolledBatch(self._now(), asyncio.ensure_future(self._polled(batch)))
            self._known.move_to_end(batch)
        try:
            return await asyncio.shield(known.task)
        finally:
            self._drop_excess()
            self._schedule_cleanup()

    def close(self) -> None:
        """Stop polling, and drop all results."""
        if self._timer:
            self._timer.cancel()
        for known in self._known.values():
            known.task.cancel()
        self._known.clear()

    async def _polled(self, batch: str) -> PollResult:
        return await self._poll(batch)

    def _drop_old(self) -> None:
        """Drop what was polled long ago; the last polled ones are at the end."""
        oldest = self._now() - 2 * self._every
        while self._known and (first := next(iter(self._known.values()))).at <= oldest and first.task.done():
            self._known.popitem(last=False)

    def _drop_excess(self) -> None:
        answers = sum(known.answers for known in self._known.values())
        while len(self._known) > 1 and (answers > _MAX_ANSWERS or len(self._known) > _MAX_BATCHES):
            answers -= self._known.popitem(last=False)[1].answers

    def _schedule_cleanup(self) -> None:
        """Schedule the removal of results that nobody asks for any more."""
        if self._timer is None and self._known:
            self._timer = asyncio.get_running_loop().call_later(2 * self._every, self._clean_up)

    def _clean_up(self) -> None:
        self._timer = None
        self._drop_old()
        self._schedule_cleanup()
