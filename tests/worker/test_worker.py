from __future__ import annotations

import asyncio

import pytest

from app.worker import worker


async def test_that_a_step_of_the_shutdown_that_swallows_its_cancellation_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await released.wait()

    monkeypatch.setattr(worker, "_STOP_SECONDS", 0.01)
    async with asyncio.timeout(60):
        await worker._in_time(stubborn)
    assert "was abandoned after 0.01 s" in caplog.text
    released.set()


async def test_that_the_failure_of_a_step_of_the_shutdown_is_raised() -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await worker._in_time(fail)
