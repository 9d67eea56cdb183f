"""How far the workers are behind `tasks`, so that no task is accepted that would wait too long."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from app.client.client import Client
from app.errors import BrokerError
from app.gateway.problems import Overloaded, Refusal
from app.gateway.views.task_log import TaskLog
from topics import TASKS
from topics.tasks import Task

#: Seconds: how often the group's offsets are asked for, and over how long its rate is measured.
_PERIOD, _WINDOW = 1.0, 30
#: Seconds that a client is told to wait, at least and at most.
_RETRY = (1, 60)

log = logging.getLogger(__name__)


class TaskLag:
    """Knows how many tasks wait for a worker, as of a second ago; `most` is how many may."""

    def __init__(self, client: Client, task_log: TaskLog, most: int) -> None:
        self._client = client
        self._log = task_log
        self._most = most
        self._samples: deque[tuple[float, int]] = deque(maxlen=_WINDOW)
        self.waiting = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask the broker regularly while the context lasts."""
        asking = asyncio.create_task(self._ask_regularly())
        try:
            yield
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    def check(self, task: Task) -> None:
        """Return if a new task can be accepted.

        Raises:
            Overloaded: too many wait.
            Refusal: its deadline would pass, or has passed, before it is begun.
        """
        if self.waiting >= self._most:
            text = f"{self.waiting} tasks wait for a worker, and gateway.max_lag is {self._most}; try again later"
            raise Overloaded(text, _retry_after(self._seconds(self.waiting - self._most + 1)))
        if task.deadline is None:
            return
        left, wait = task.deadline.timestamp() - time.time(), self._seconds(self.waiting)
        if left <= 0:
            text = "the deadline has passed already; set a later one"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "deadline_too_short", text)
        if wait > left:
            text = f"a worker begins it in about {wait:.0f} s, after its deadline; set a later one, or try again later"
            headers = {"Retry-After": _retry_after(wait - left)}
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "deadline_too_short", text, headers=headers)

    def observe(self, finished: int, waiting: int, now: float) -> None:
        """Note how many tasks the workers have finished with so far, and how many wait."""
        self._samples.append((now, finished))
        self.waiting = waiting

    def _seconds(self, tasks: int) -> float:
        """Return how long the workers need for so many tasks at their rate of late; 0 where it is not known."""
        if len(self._samples) <= 1:
            return 0.0
        (first, before), (last, finished) = self._samples[0], self._samples[-1]
        rate = (finished - before) / max(last - first, 1e-9)
        return tasks / rate if rate > 0 else 0.0

    async def _ask_regularly(self) -> None:
        begins: Mapping[TopicPartition, int] | None = None
        while True:
            try:
                if begins is None:
                    begins = {place: span.begin for place, span in (await self._client.bounds([TASKS])).items()}
                await self._ask(begins)
            except (BrokerError, KafkaError) as error:
                log.warning("the lag of tasks is not known: %s", type(error).__name__)
                self._samples.clear()
                self.waiting = 0  # the broker refuses what it cannot take
            await asyncio.sleep(_PERIOD)

    async def _ask(self, begins: Mapping[TopicPartition, int]) -> None:
        committed = await self._client.committed(self._client.settings.app_id, begins)
        finished = {place: max(begin, committed.get(place, 0)) for place, begin in begins.items()}
        ends = self._log.task_ends
        waiting = sum(max(0, ends.get(place.partition, 0) - at) for place, at in finished.items())
        self.observe(sum(finished.values()), waiting, time.monotonic())


def _retry_after(seconds: float) -> str:
    least, most = _RETRY
    return str(min(most, max(least, math.ceil(seconds))))
