"""Sending many tasks, pipelined, and collecting their results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.cli.client import Client
from app.cli.lines import Bad
from app.cli.waiting import Waiting
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task

_MOST_PENDING = 5000


class Batch:
    """Counts what was sent, what was no task, and how the tasks ended."""

    def __init__(self, client: Client, *, on_bad: Callable[[Bad], None], on_result: Callable[[Result], None]) -> None:
        self.sent = self.bad = self.succeeded = self.failed = 0
        self._client = client
        self._on_bad = on_bad
        self._on_result = on_result
        self._pending: set[asyncio.Future[Any]] = set()
        self._waiting: Waiting | None = None

    @property
    def unanswered(self) -> int:
        """How many tasks have no result yet, of those that were sent inside `collecting`."""
        return len(self._waiting.left) if self._waiting else 0

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[Waiting]:
        """Collect the results of all tasks that are sent while the context lasts."""
        self._waiting = Waiting(lambda record: _text(record.key), self._arrived)
        async with self._client.read(RESULTS) as reader, self._waiting.follow(reader):
            yield self._waiting

    async def send(self, tasks: AsyncIterable[Task | Bad], each: Callable[[], None] = lambda: None) -> None:
        """Return when the broker has all tasks; `each` is called for every one of them."""
        async for task in tasks:
            if isinstance(task, Bad):
                self.bad += 1
                self._on_bad(task)
            else:
                await self._enqueue(task)
                each()
        await self._acknowledged()

    async def _enqueue(self, task: Task) -> None:
        key = str(task.id)
        if self._waiting:
            self._waiting.expect(key)
        self._pending.add(await self._client.send(TASKS, key, task, id=key))
        self.sent += 1
        if len(self._pending) >= _MOST_PENDING:
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        pending, self._pending = self._pending, set()
        await asyncio.gather(*pending)

    def _arrived(self, _: str, record: Any) -> None:
        result = RESULTS.parse(record.value, max_bytes=self._client.settings.topics.max_message_bytes)
        if result.status == "succeeded":
            self.succeeded += 1
        else:
            self.failed += 1
        self._on_result(result)


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="replace")
