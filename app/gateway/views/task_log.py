"""Tasks and their results, as the topics have them: nothing is kept here that cannot be read again.

A task's id says in which partition its task and its result are. Where in it, an index says for each topic, which
every gateway builds by reading the topic from its beginning, and keeps up to date by following it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

from app.client.client import Client
from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.kafka.record_reader import RecordReader
from app.delivery.kafka.tail import Tail
from app.errors import BrokerError
from app.gateway.problems import Refusal
from app.gateway.views.offset_index import OffsetIndex
from app.gateway.views.sending import SEND_SECONDS, put
from app.partitioner import partition_of
from topics import RESULTS, SIGNALS, TASKS
from topics.base import Event, Topic
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task

#: A broker named by its address may be an embedded one, which makes every fetch wait for the full time.
_FETCH_WAIT_MS = 100
#: While somebody waits, the broker is asked at full speed.
STIR_SECONDS = 0.5
#: Tasks of which it is kept whose they are; of others, that is read.
_MOST_TENANTS = 10_000


log = logging.getLogger(__name__)
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Stored(Generic[E]):
    """An event, and when it was put on its topic (epoch seconds)."""

    event: E
    at: float


class TaskConflict(Exception):
    """Another task has the same id."""


class TaskLog:
    """Sends tasks, and finds tasks and results, as long as it is `running`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        settings, connection = client.settings, client.connection
        self._settings = settings
        self._fetch = {**connection.options, "fetch_max_wait_ms": min(_FETCH_WAIT_MS, connection.fetch_wait_ms)}
        self._paces = [FetchPace(connection.appends) for _ in range(2)]
        retention = settings.topics.retention
        self._tasks, self._results = OffsetIndex(retention), OffsetIndex(retention)
        self._task_tail = self._tail(TASKS, self._saw_task, self._paces[0])
        self._result_tail = self._tail(RESULTS, self._saw_result, self._paces[1])
        self._seen: dict[tuple[int, int], asyncio.Future[None]] = {}
        self._awaited: defaultdict[str, set[asyncio.Future[bytes]]] = defaultdict(set)
        self._reader = RecordReader(connection.options)
        self._stopping = asyncio.Event()
        self._signals: set[asyncio.Task[None]] = set()
        self._tenants: dict[str, str] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the topics, which must exist, while the context lasts; it ends when the signals under way are sent."""
        async with self._task_tail.running(), self._result_tail.running():
            try:
                yield
            finally:
                self.release()
                await asyncio.gather(*self._signals, return_exceptions=True)
                await self._reader.close()

    def release(self) -> None:
        """Let all who wait go on without a result."""
        self._stopping.set()

    @property
    def caught_up(self) -> bool:
        """Whether the indexes hold all that the topics held at the start."""
        return self._task_tail.caught_up.is_set() and self._result_tail.caught_up.is_set()

    def require_read(self) -> None:
        """Return if the indexes hold all that the topics held at the start.

        Raises:
            Refusal: the topics are still being read.
        """
        if not self.caught_up:
            raise Refusal.starting("tasks and results")

    @property
    def task_ends(self) -> Mapping[int, int]:
        """The offset after the last task that is known, by partition."""
        return self._task_tail.position

    def knows(self, task_id: str) -> bool:
        """Whether there is such a task, or its result."""
        return self._tasks.get(task_id) is not None or self._results.get(task_id) is not None

    async def submit(self, task: Task) -> None:
        """Put a task with a new id on its topic; return when the broker has it.

        Raises:
            BrokerError: the broker does not acknowledge it; it may have it nevertheless.
            InvalidEvent: it is larger than the broker takes.
        """
        offset = await self._send(task)
        self._tasks.put(str(task.id), offset, time.time())  # known here at once

    async def submit_once(self, task: Task) -> None:
        """Put a task on its topic unless it is there; of several gateways that do so at once, all see the same.

        The first task of an id on the topic is the one that counts: workers process no other.

        Raises:
            TaskConflict: another task has this id.
            BrokerError, InvalidEvent: as for `submit`.
        """
        task_id = str(task.id)
        if self._tasks.get(task_id) is None:
            offset = await self._send(task)
            await self._read_up_to(partition_of(task_id, self._settings.topics.partitions), offset)
            if self._tasks.get(task_id) == offset:
                return
        stored = await self.task(task_id)
        # What the sender may do, and the policies, may have changed meanwhile.
        granted = {"spend_limit": task.spend_limit, "roles": task.roles, "approval": task.approval}
        if stored is None or stored.event.model_copy(update=granted) != task:
            raise TaskConflict

    async def signal(self, signal: Signal) -> None:
        """Send a signal to the run of a task; return when the broker has it.

        Raises:
            BrokerError, InvalidEvent: as for `submit`.
        """
        await put(self._client, SIGNALS, signal.task_id, signal, uuid4().hex)
        self.stir()

    def signal_soon(self, signal: Signal) -> None:
        """Send a signal without waiting for it."""
        task = asyncio.create_task(self.signal(signal))
        self._signals.add(task)
        task.add_done_callback(self._signalled)

    def _signalled(self, task: asyncio.Task[None]) -> None:
        self._signals.discard(task)
        if error := task.exception():
            log.warning("a run goes on whose client has gone: %s", error)

    async def task(self, task_id: str) -> Stored[Task] | None:
        """Return the task of this id that counts, if its producer has put it in its home partition.

        Raises:
            BrokerError: the broker does not return it.
        """
        return await self._read(TASKS, task_id, self._tasks.get(task_id))

    async def tenant(self, task_id: str) -> str | None:
        """Return whose a task is, empty if it is of no tenant; None if neither the task nor its result is there.

        Raises:
            BrokerError: the broker does not return it.
        """
        if (known := self._tenants.get(task_id)) is not None:
            return known
        stored: Stored[Task] | None = await self.task(task_id)
        if stored:
            return self._remember(task_id, stored.event.tenant)
        result = await self.result(task_id)
        return self._remember(task_id, result.tenant or "") if result else None

    def is_repetition(self, task_id: str, offset: int) -> bool:
        """Whether the record of `tasks` at this offset repeats an earlier one of the same id."""
        return self._tasks.get(task_id) not in {None, offset}

    def has_ended(self, task_id: str) -> bool:
        """Whether there is a result."""
        return self._results.get(task_id) is not None

    async def result(self, task_id: str) -> Result | None:
        """Return the result of a task, if there is one.

        Raises:
            BrokerError: the broker does not return it.
        """
        stored = await self._read(RESULTS, task_id, self._results.get(task_id))
        return stored.event if stored else None

    async def wait(self, task_id: str, seconds: float) -> Result | None:
        """Return the result of a task as soon as there is one, or None after so many seconds, or when this stops.

        Raises:
            BrokerError: the broker does not return it.
        """
        arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._awaited[task_id].add(arrived)
        try:
            if self._results.get(task_id) is None:
                await self._until(arrived, seconds)
        finally:
            self._awaited[task_id].discard(arrived)
            if not self._awaited[task_id]:
                del self._awaited[task_id]
        if arrived.done():
            return RESULTS.parse(arrived.result(), max_bytes=self._settings.topics.max_message_bytes)
        return await self.result(task_id)

    async def reach_end(self) -> None:
        """Return when all tasks and results are known that are on their topics now."""
        await asyncio.gather(self._task_tail.reach_end(), self._result_tail.reach_end())

    def stir(self) -> None:
        """Have the broker asked at full speed for a moment, as something is expected."""
        for pace in self._paces:
            pace.stir()

    def _tail(self, topic: Topic[Any], apply: Any, pace: FetchPace) -> Tail:
        return Tail({**self._fetch, "pace": pace}, self._settings.topics.prefix + topic.name, apply)

    async def _until(self, future: asyncio.Future[Any], seconds: float) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        end = time.monotonic() + seconds
        try:
            while not (future.done() or stopping.done()) and (left := end - time.monotonic()) > 0:
                self.stir()
                await asyncio.wait(
                    {future, stopping}, timeout=min(STIR_SECONDS, left), return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            stopping.cancel()

    def _remember(self, task_id: str, tenant: str) -> str:
        """Keep whose a task is, which never changes; the oldest is forgotten when there are too many."""
        self._tenants[task_id] = tenant
        if len(self._tenants) > _MOST_TENANTS:
            del self._tenants[next(iter(self._tenants))]
        return tenant

    async def _send(self, task: Task) -> int:
        """Return the offset of the task on its topic."""
        offset = await put(self._client, TASKS, str(task.id), task, str(task.id))
        self.stir()
        return offset

    async def _read_up_to(self, partition: int, offset: int) -> None:
        """Return when the index holds what this partition of `tasks` has up to this offset."""
        if self._task_tail.position.get(partition, 0) > offset:
            return
        seen = self._seen.setdefault((partition, offset), asyncio.get_running_loop().create_future())
        await self._until(seen, SEND_SECONDS)
        if not seen.done():
            self._seen.pop((partition, offset), None)
            raise BrokerError("the broker has the task, but does not return it")

    async def _read(self, topic: Topic[E], task_id: str, offset: int | None) -> Stored[E] | None:
        if offset is None:
            return None
        partition = partition_of(task_id, self._settings.topics.partitions)
        record = await self._reader.read(self._settings.topics.prefix + topic.name, partition, offset)
        if record is None:
            return None
        event = topic.parse(record.value, max_bytes=self._settings.topics.max_message_bytes)
        return Stored(event, record.timestamp / 1000)

    async def _saw_task(self, record: Any) -> None:
        if (task_id := self._home_key(record)) and self._tasks.get(task_id) is None:
            self._tasks.put(task_id, record.offset, _time(record))
        if seen := self._seen.pop((record.partition, record.offset), None):
            seen.set_result(None)

    async def _saw_result(self, record: Any) -> None:
        if task_id := self._home_key(record):
            self._results.put(task_id, record.offset, _time(record))
            for arrived in self._awaited.get(task_id, ()):
                if not arrived.done():
                    arrived.set_result(record.value)

    def _home_key(self, record: Any) -> str | None:
        """Return the task id that is the record's key; None where it is not in that id's partition."""
        key = (record.key or b"").decode(errors="replace")
        return key if key and partition_of(key, self._settings.topics.partitions) == record.partition else None


def _time(record: Any) -> float:
    """Return a record's time; the clock of its producer may be ahead."""
    return min(float(record.timestamp) / 1000, time.time())
