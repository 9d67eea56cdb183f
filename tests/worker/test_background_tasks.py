from __future__ import annotations

import asyncio

import pytest

from app.worker.background_tasks import BackgroundTasks


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_that_a_task_that_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    tasks = BackgroundTasks()
    tasks.spawn(_forever(), "a task that goes on")
    tasks.spawn(fail(), "a task that fails")
    async with asyncio.timeout(60):
        await tasks.broken()
    assert "a task that fails ended" in caplog.text
    await tasks.end()


async def test_that_a_task_that_was_cancelled_by_somebody_else_is_told() -> None:
    tasks = BackgroundTasks()
    tasks.spawn(_forever(), "a task that is cancelled")
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    async with asyncio.timeout(60):
        await tasks.broken()


async def test_that_ending_cancels_all_and_tells_nobody() -> None:
    tasks, ended = BackgroundTasks(), []

    async def work() -> None:
        try:
            await _forever()
        finally:
            ended.append("work")

    tasks.spawn(work(), "work")
    await asyncio.sleep(0)
    broken = asyncio.create_task(tasks.broken())
    await tasks.end()
    await asyncio.sleep(0)
    assert ended == ["work"]
    assert not broken.done()
    broken.cancel()
