from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from app.delivery.assignment.assignment import Assignments
from app.delivery.offsets import OffsetTracker
from app.telemetry.metrics import Metrics
from app.worker.gauges import Gauges


@pytest.mark.parametrize(
    ("finished", "position", "lag"), [([0], 3, 2), ([0, 1], 3, 0), ([0, 1], None, 1), ([0, 1], "rebalance", 1)]
)
async def test_that_a_marker_at_the_end_of_a_topic_is_no_lag(finished: list[int], position: Any, lag: int) -> None:
    """Let two events lie on a topic, and a marker behind them."""

    async def positioned(_tp: TP) -> int | None:
        if position == "rebalance":
            raise IllegalStateError("not assigned")
        found: int | None = position
        return found

    consumer = SimpleNamespace(highwater=lambda _tp: 3, position=positioned)
    gauges = Gauges(Metrics(), Assignments(lambda _partition: None), SimpleNamespace(consumer=consumer), lambda: 0)  # type: ignore[arg-type,return-value]  # nothing is assigned
    offset_tracker = OffsetTracker()
    for offset in (0, 1):
        offset_tracker.fetched(offset)
        offset_tracker.begin(offset)
    for offset in finished:
        offset_tracker.finish(offset)
    assert await gauges._lag(TP("tasks", 0), offset_tracker, offset_tracker.committable or 0) == lag


async def test_that_a_crash_of_faust_is_not_overlooked() -> None:
    app = SimpleNamespace(crashed=True, crash_reason=ValueError("a defect"))
    gauges = Gauges(Metrics(), Assignments(lambda _partition: None), app, lambda: 0)  # type: ignore[arg-type,return-value]  # nothing is assigned
    with pytest.raises(RuntimeError, match="a defect"):
        await gauges.watch(interval=0.0)
