"""Send many tasks over the API, and collect their results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.errors import DeadlineExceeded
from topics.results import Result
from topics.tasks import Task

if TYPE_CHECKING:
    from meta_ai_orchestrator import AsyncClient

#: Tasks in one request, and results that are waited for at once.
_MOST, _AT_ONCE = 500, 20


def submitted(task: Task) -> dict[str, Any]:
    """Return a task as the API takes it: its id makes that the same one is accepted once."""
    fields = task.model_dump(mode="json", exclude={"id"}, exclude_none=True, exclude_defaults=True)
    return {**fields, "input": task.input, "workflow": task.workflow, "idempotency_key": str(task.id)}


class ApiTaskBatch:
    """Counts tasks sent, invalid lines, and how the tasks ended; the API gives tasks ids of its own."""

    before = 0

    def __init__(
        self,
        client: AsyncClient,
        wait: Callable[[str, float], Awaitable[Result]],
        *,
        on_bad: Callable[[InvalidLine], None],
        on_result: Callable[[Result], None],
        on_sent: Callable[[TaskLine], None],
    ) -> None:
        self.sent = self.bad = self.succeeded = self.failed = 0
        self._client = client
        self._wait = wait
        self._on_bad = on_bad
        self._on_result = on_result
        self._on_sent = on_sent
        self._ids: list[str] = []

    @property
    def unanswered(self) -> int:
        """The number of tasks that have no result yet."""
        return self.sent - self.succeeded - self.failed

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[None]:
        """Collect results while the context lasts: `settled` asks for them."""
        yield

    async def send(self, tasks: AsyncIterable[TaskLine | InvalidLine], each: Callable[[], None] = lambda: None) -> None:
        """Send the tasks; `each` is called for every one."""
        lines: list[TaskLine] = []
        async for line in tasks:
            if isinstance(line, InvalidLine):
                self.bad += 1
                self._on_bad(line)
                continue
            lines.append(line)
            each()
            if len(lines) == _MOST:
                await self._submit(lines)
                lines = []
        if lines:
            await self._submit(lines)

    async def settled(self, timeout: float) -> bool:
        """Return whether all results arrived within `timeout` seconds."""
        limit, until = asyncio.Semaphore(_AT_ONCE), asyncio.get_running_loop().time() + timeout

        async def one(task_id: str) -> None:
            async with limit:
                try:
                    result = await self._wait(task_id, max(0.0, until - asyncio.get_running_loop().time()))
                except DeadlineExceeded:
                    return
            self._take(result)

        async with asyncio.TaskGroup() as group:
            for task_id in self._ids:
                group.create_task(one(task_id))
        return not self.unanswered

    async def _submit(self, lines: list[TaskLine]) -> None:
        outcomes = await self._client.tasks.batch([submitted(line.task) for line in lines])
        for line, outcome in zip(lines, outcomes, strict=True):
            if outcome.id:
                self.sent += 1
                self._ids.append(outcome.id)
                named = line.named and line.task.id == outcome.id
                self._on_sent(replace(line, task=line.task.model_copy(update={"id": outcome.id}), named=named))
            else:
                self.bad += 1
                self._on_bad(InvalidLine(line.line, _reason(outcome.problem, outcome.status)))

    def _take(self, result: Result) -> None:
        if result.status == "succeeded":
            self.succeeded += 1
        else:
            self.failed += 1
        self._on_result(result)


def _reason(problem: Mapping[str, Any] | None, status: str) -> str:
    return str((problem or {}).get("detail") or status)
