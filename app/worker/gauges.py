"""What a worker measures every other second: partitions, runs, and how far behind it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import TP

from app.delivery.assignment.assignment import Assignments
from app.delivery.offsets import OffsetTracker
from app.telemetry.metrics import Metrics
from app.workflows.run import Run


class Gauges:
    """Updates the gauges of one worker; `refused` tells how many definitions it refuses."""

    def __init__(self, metrics: Metrics, assignments: Assignments, app: Any, refused: Callable[[], int]) -> None:
        self._metrics = metrics
        self._assignments = assignments
        self._app = app
        self._refused = refused

    async def watch(self, *, interval: float = 2.0) -> None:
        """Update the gauges, and notice when Faust has crashed.

        Raises:
            RuntimeError: it has.
        """
        while True:
            await asyncio.sleep(interval)
            await self._measure()
            if self._app.crashed:
                raise RuntimeError(f"the consumer crashed: {self._app.crash_reason!r}")

    async def _measure(self) -> None:
        metrics, assignments = self._metrics, self._assignments
        metrics.owned_partitions(len(assignments))
        metrics.runs_active(
            sum(isinstance(state, Run) for assignment in assignments for state in assignment.partition_state.values)
        )
        metrics.definitions_refused(self._refused())
        for assignment in assignments:
            for topic, offset_tracker in dict(assignment.offset_trackers).items():
                if not assignments.suspended and (offset := offset_tracker.committable) is not None:
                    lag = await self._lag(TP(topic, assignment.partition), offset_tracker, offset)
                    metrics.lag(topic, assignment.partition, lag)

    async def _lag(self, tp: TP, offset_tracker: OffsetTracker, offset: int) -> int:
        """Return how many offsets are not finished; where no event is left, the last of them may be no events."""
        consumer = self._app.consumer
        end = consumer.highwater(tp) or offset
        if end > offset and not offset_tracker.unfinished:
            with contextlib.suppress(KafkaError, IllegalStateError):  # a rebalance has begun
                offset = max(offset, await consumer.position(tp) or 0)
        return max(0, end - offset)
