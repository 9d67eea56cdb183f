"""Send many tasks, pipelined, and collect their results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.client import topic_ranges
from app.client.client import Client
from app.client.pending_keys import PendingKeys
from topics import RESULTS, TASKS
from topics.results import Result

_MAX_PENDING = 5000
# A task without a result after these seconds may have been answered before it was sent.
_LOOK_BACK_AFTER = 3.0


class Batch(Protocol):
    """Sends many tasks, and counts what becomes of them; `before` are those that were accepted before it began."""

    sent: int
    bad: int
    succeeded: int
    failed: int
    before: int

    @property
    def unanswered(self) -> int:
        """The number of tasks sent inside `collecting` that have no result yet."""
        ...

    def collecting(self) -> AbstractAsyncContextManager[Any]:
        """Collect the results of all tasks sent while the context lasts."""
        ...

    async def send(self, tasks: AsyncIterable[TaskLine | InvalidLine], each: Callable[[], None] = ...) -> None:
        """Send the tasks; `each` is called for every one."""
        ...

    async def settled(self, timeout: float) -> bool:
        """Return whether all results arrived within `timeout` seconds; use inside `collecting`, after `send`."""
        ...


class TaskBatch:
    """Counts tasks sent, invalid lines, and how the tasks ended.

    `before` are those accepted before this batch began: tasks that are remembered are not processed again. `on_sent` is
    called for each task that the broker has.
    """

    def __init__(
        self,
        client: Client,
        *,
        on_bad: Callable[[InvalidLine], None],
        on_result: Callable[[Result], None],
        on_sent: Callable[[TaskLine], None] = lambda _: None,
    ) -> None:
        self.sent = self.bad = self.succeeded = self.failed = 0
        self.before = 0
        self._client = client
        self._began = time.time()
        self._on_bad = on_bad
        self._on_result = on_result
        self._on_sent = on_sent
        self._pending: list[tuple[TaskLine, asyncio.Future[Any]]] = []
        self._waiting: PendingKeys | None = None

    @property
    def unanswered(self) -> int:
        """The number of tasks sent inside `collecting` that have no result yet."""
        return len(self._waiting.left) if self._waiting else 0

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[PendingKeys]:
        """Collect the results of all tasks sent while the context lasts."""
        self._waiting = PendingKeys(lambda record: _text(record.key), self._arrived)
        async with self._client.read(RESULTS) as reader, self._waiting.follow(reader):
            yield self._waiting

    async def settled(self, timeout: float) -> bool:
        """Return whether all results arrived within `timeout` seconds; use inside `collecting`, after `send`."""
        if self._waiting is None or await self._waiting.settled(min(timeout, _LOOK_BACK_AFTER)):
            return True
        remembered = time.time() - self._client.settings.delivery.remember
        for record in await topic_ranges.read_since(self._client, remembered, [RESULTS]):
            self._waiting.take(record)
        return await self._waiting.settled(max(0.0, timeout - _LOOK_BACK_AFTER))

    async def send(self, tasks: AsyncIterable[TaskLine | InvalidLine], each: Callable[[], None] = lambda: None) -> None:
        """Send the tasks, and return when the broker has all of them; `each` is called for every one."""
        async for task in tasks:
            if isinstance(task, InvalidLine):
                self.bad += 1
                self._on_bad(task)
            else:
                await self._enqueue(task)
                each()
        await self._acknowledged()

    async def _enqueue(self, line: TaskLine) -> None:
        key = str(line.task.id)
        if self._waiting:
            self._waiting.expect(key)
        self._pending.append((line, await self._client.send(TASKS, key, line.task, id=key)))
        self.sent += 1
        if len(self._pending) >= _MAX_PENDING:
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        pending, self._pending = self._pending, []
        await asyncio.gather(*(sent for _, sent in pending))
        for line, _ in pending:
            self._on_sent(line)

    def _arrived(self, _: str, record: Any) -> None:
        result = RESULTS.parse(record.value, max_bytes=self._client.settings.topics.max_message_bytes)
        self.before += result.accepted_at.timestamp() < self._began
        if result.status == "succeeded":
            self.succeeded += 1
        else:
            self.failed += 1
        self._on_result(result)


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="replace")
