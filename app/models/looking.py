"""Looking after batches: each at most once in a while, however many ask, and what has come of it kept for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.errors import ModelError
from app.models.base import Collected

#: What a look has found: None of a batch that is under way, an error when it could not be told.
Found = Collected | ModelError | None

#: Answers that are kept in memory, and batches of which it is known that they are under way.
_ANSWERS = 20_000
_BATCHES = 10_000


@dataclass(slots=True)
class _Known:
    at: float
    task: asyncio.Task[Found]

    @property
    def answers(self) -> int:
        found = self.task.result() if self.task.done() and not self.task.cancelled() else None
        return len(found.answers) if isinstance(found, Collected) else 0


class Looks:
    """Has `look` called for a batch at most once in `every` seconds, and for one that is over only once.

    What has come of it is kept for twice that time, so that all who wait for it can ask, unless there is too much.
    """

    def __init__(self, look: Callable[[str], Awaitable[Found]], *, every: float, now: Callable[[], float]) -> None:
        self._look = look
        self._every = every
        self._now = now
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    async def at(self, batch: str) -> Found:
        """Return how a batch stands."""
        self._forget_old()
        known = self._known.get(batch)
        if known is None or (not known.answers and known.task.done() and self._now() - known.at >= self._every):
            known = self._known[batch] = _Known(self._now(), asyncio.ensure_future(self._looked(batch)))
            self._known.move_to_end(batch)
        try:
            return await asyncio.shield(known.task)
        finally:
            self._forget_most()
            self._wake_later()

    def close(self) -> None:
        """Give up what is under way, and forget everything."""
        if self._timer:
            self._timer.cancel()
        for known in self._known.values():
            known.task.cancel()
        self._known.clear()

    async def _looked(self, batch: str) -> Found:
        return await self._look(batch)

    def _forget_old(self) -> None:
        """Forget what was looked at long ago; those looked at last are at the end."""
        oldest = self._now() - 2 * self._every
        while self._known and (first := next(iter(self._known.values()))).at <= oldest and first.task.done():
            self._known.popitem(last=False)

    def _forget_most(self) -> None:
        answers = sum(known.answers for known in self._known.values())
        while len(self._known) > 1 and (answers > _ANSWERS or len(self._known) > _BATCHES):
            answers -= self._known.popitem(last=False)[1].answers

    def _wake_later(self) -> None:
        """See to it that answers go though nobody asks any more."""
        if self._timer is None and self._known:
            self._timer = asyncio.get_running_loop().call_later(2 * self._every, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._forget_old()
        self._wake_later()
