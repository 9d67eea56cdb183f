from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from app.brokers.base import Connection
from app.delivery.offsets import OffsetTracker
from app.settings import Settings
from app.worker.components import components
from app.worker.worker import Worker


@pytest.fixture
def worker() -> Worker:
    """Return a worker that is not started."""
    settings = Settings.model_validate(
        {"models": {"m": {"provider": "scripted"}}, "ask": {"models": ["m"]}, "retrieval": {"embedder": "hashing"}}
    )
    return Worker(settings, Connection("127.0.0.1:9"), components(settings))


@pytest.mark.parametrize("error", [RuntimeError("a defect"), asyncio.CancelledError()])
async def test_that_a_part_that_ends_before_its_time_is_not_overlooked(
    worker: Worker, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def part() -> None:
        raise error

    worker._spawn(part(), "follow definitions")
    await asyncio.wait_for(worker.broken(), 5)
    assert "follow definitions ended" in caplog.text


async def test_that_parts_that_are_told_to_end_do_not_break_the_worker(worker: Worker) -> None:
    worker._spawn(asyncio.sleep(3600), "sleep")
    await worker._end_tasks()
    await asyncio.sleep(0)
    assert not worker._broken.is_set()


@pytest.mark.parametrize(
    ("finished", "position", "lag"), [([0], 3, 2), ([0, 1], 3, 0), ([0, 1], None, 1), ([0, 1], "rebalance", 1)]
)
async def test_that_a_marker_at_the_end_of_a_topic_is_no_lag(
    worker: Worker, finished: list[int], position: Any, lag: int
) -> None:
    """Let two events lie on a topic, and a marker behind them."""

    async def positioned(_tp: TP) -> int | None:
        if position == "rebalance":
            raise IllegalStateError("not assigned")
        found: int | None = position
        return found

    consumer = SimpleNamespace(highwater=lambda _tp: 3, position=positioned)
    worker.app = SimpleNamespace(consumer=consumer)
    offset_tracker = OffsetTracker()
    for offset in (0, 1):
        offset_tracker.fetched(offset)
        offset_tracker.begin(offset)
    for offset in finished:
        offset_tracker.finish(offset)
    assert await worker._lag(TP("tasks", 0), offset_tracker, offset_tracker.committable or 0) == lag
