"""What the routes of a gateway share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.client.client import Client
from app.gateway.batches.batch_log import BatchLog
from app.gateway.files.file_store import FileStore
from app.gateway.problems import Refusal
from app.gateway.views.answer_feed import AnswerFeed
from app.gateway.views.answer_stream import AnswerStream
from app.gateway.views.catalog import Catalog
from app.gateway.views.key_directory import KeyDirectory
from app.gateway.views.task_lag import TaskLag
from app.gateway.views.task_log import TaskLog
from app.security.policies import Policies
from app.settings import Settings

#: So many requests read whole topics or partitions at a time; others wait so long for it (seconds).
_SCANS, _PATIENCE = 2, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The settings, and what reads and writes topics."""

    settings: Settings
    client: Client
    log: TaskLog
    catalog: Catalog
    feed: AnswerFeed
    files: FileStore
    batches: BatchLog
    keys: KeyDirectory
    lag: TaskLag
    policies: Policies
    _scans: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_SCANS))

    def unread(self) -> list[str]:
        """Return what is not read yet of the topics; until then, some requests are refused."""
        views = {
            "tasks": self.log.caught_up,
            "workflows": self.catalog.caught_up,
            "answers": self.feed.caught_up,
            "API keys": self.keys.caught_up,
            "files": self.files.caught_up,
            "batches": self.batches.caught_up,
        }
        return [name for name, done in views.items() if not done]

    def answer(self, task_id: str) -> AnswerStream:
        """Return what follows the answer to a task."""
        return AnswerStream(self.log, self.feed, task_id)

    @asynccontextmanager
    async def scanning(self) -> AsyncIterator[None]:
        """Wait until few enough requests read whole topics, and be one of them while the context lasts.

        Raises:
            Refusal: too many do.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._scans.acquire()
        except TimeoutError:
            raise Refusal.unavailable("busy", "others are reading whole topics; try again later") from None
        try:
            yield
        finally:
            self._scans.release()
