"""`KafkaClient`: for producers and consumers that are on the topics themselves."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack
from uuid import uuid4

from meta_ai_orchestrator._client.errors import InvalidResponseError, UsageError
from meta_ai_orchestrator._client.model import Model
from meta_ai_orchestrator._client.resources.tasks import TaskOptions
from meta_ai_orchestrator._path import server_part
from meta_ai_orchestrator.types import Result, ResultChunk

with server_part():
    from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
    from aiokafka.errors import CommitFailedError
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    from app.brokers.cluster import run
    from app.client.client import Client, attach
    from app.delivery.kafka.header_names import accept_invalid_header_names
    from app.settings import BrokerSettings, Settings, TopicSettings
    from topics import RESULT_CHUNKS, RESULTS, SIGNALS, TASKS
    from topics.base import Topic
    from topics.signals import Signal
    from topics.tasks import Task

M = TypeVar("M", bound=Model)

log = logging.getLogger("meta_ai_orchestrator")

_SOURCE = "/meta-ai/sdk-python"
# An embedded broker makes every fetch wait for the full time.
_FETCH_WAIT_MS, _LOOK_MS = 100, 1000
_COMMIT_SECONDS = 1.0
#: How long a program may work on what it was given before the group takes it for dead.
_MOST_WORK_MS = 3600 * 1000


class KafkaClient:
    """Sends tasks and reads results on the topics, without a gateway.

    Use it with `async with`. `bootstrap_servers` are as for any Kafka client (default: `KAFKA_BOOTSTRAP_SERVERS`), and
    `prefix` is `topics.prefix` of the orchestrator. `security` has the keys of `broker.security`, such as
    `{"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "username": …, "password": …}`.

    Raises:
        BrokerError: the broker cannot be reached, or fails.
    """

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        *,
        prefix: str = "",
        security: Mapping[str, Any] | None = None,
    ) -> None:
        servers = bootstrap_servers or os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if not servers:
            raise UsageError('give bootstrap_servers, as in KafkaClient("127.0.0.1:9092")')
        fields = {"kind": "cluster", "bootstrap_servers": servers, "security": security or {}}
        try:
            broker = BrokerSettings.model_validate(fields)
            self._settings = Settings(broker=broker, topics=TopicSettings(prefix=prefix))
        except ValidationError as error:
            raise UsageError(_sentence(error)) from None
        self._stack = AsyncExitStack()
        self._opened: Client | None = None

    async def __aenter__(self) -> Self:
        accept_invalid_header_names()
        connection = await self._stack.enter_async_context(run(self._settings.broker))
        self._opened = await self._stack.enter_async_context(attach(self._settings, connection, source=_SOURCE))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def send_task(
        self,
        workflow: str,
        inputs: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002  # as the field is called
        **options: Unpack[TaskOptions],
    ) -> str:
        """Send a task, and return its id when the broker has it; tasks of the same `id` are one.

        Raises:
            UsageError: a field is not valid.
            InvalidEvent: it is too large.
        """
        return (await self.send_tasks([{"workflow": workflow, "input": inputs, "id": id, **options}]))[0]

    async def send_tasks(self, tasks: Iterable[Mapping[str, Any]]) -> list[str]:
        """Send many tasks, and return their ids when the broker has all; each has the fields of an event on `tasks`.

        Raises:
            UsageError: a field of one is not valid; those before it were sent.
        """
        sent = []
        ids = []
        for fields in tasks:
            task = _task(fields, self._settings.delivery.max_event_bytes)
            ids.append(str(task.id))
            sent.append(await self._client.send(TASKS, ids[-1], task, id=ids[-1]))
        for one in sent:
            await one
        return ids

    async def signal(self, task_id: str, name: str, payload: Any = None, *, actor: str = "") -> None:
        """Send a signal to the run of a task, such as an approval; the first of a name counts."""
        await self._send_signal(Signal(task_id=task_id, name=name, payload=payload, actor=actor))

    async def cancel(self, task_id: str, *, reason: str = "", actor: str = "") -> None:
        """Cancel the run of a task, and its child runs."""
        await self._send_signal(Signal(task_id=task_id, kind="cancel", name=reason, actor=actor))

    def results(self, group: str) -> Consumed[Result]:
        """Return the results, to consume them in a group of your own.

        Each is handed out at least once: one that you were given is committed after you ask for the next. Keep the
        last value of a `task_id`, as one may come twice. Of those that are there at once, only the last of a key comes.
        """
        return Consumed(self._client, RESULTS, Result, group, last_of_keys=True)

    def chunks(self, group: str) -> Consumed[ResultChunk]:
        """Return the pieces of answers while they are made, to consume them as `results`."""
        return Consumed(self._client, RESULT_CHUNKS, ResultChunk, group, last_of_keys=False)

    async def last_results(self, task_ids: Collection[str] | None = None) -> dict[str, Result]:
        """Return the last result of each task that the topic has now, or of some tasks, by their ids."""
        found: dict[str, Result] = {}
        async with self._client.read(RESULTS, from_beginning=True) as reader:
            async for record in reader.held():
                result = _event(record, Result)
                if result is not None and (task_ids is None or result.task_id in task_ids):
                    found[result.task_id] = result
        return found

    @property
    def _client(self) -> Client:
        if self._opened is None:
            raise UsageError("use a KafkaClient with `async with`")
        return self._opened

    async def _send_signal(self, signal: Signal) -> None:
        await (await self._client.send(SIGNALS, signal.task_id, signal, id=uuid4().hex))


class Consumed(Generic[M]):
    """The events of a topic, for one member of a group; use it with `async with`, and iterate."""

    def __init__(self, client: Client, topic: Topic[Any], kind: type[M], group: str, *, last_of_keys: bool) -> None:
        self._client = client
        self._topic = topic
        self._kind = kind
        self._group = group
        self._last_of_keys = last_of_keys
        self._stack = AsyncExitStack()
        self._done: dict[Any, int] = {}
        self._given: tuple[Any, int] | None = None
        self._committed = 0.0

    async def __aenter__(self) -> Self:
        self._consumer = await self._stack.enter_async_context(self._joined())
        self._events = self._handed_out()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._events.aclose()
        await self._commit()
        await self._stack.aclose()

    def __aiter__(self) -> AsyncIterator[M]:
        return self

    async def __anext__(self) -> M:
        return await anext(self._events)

    async def commit(self) -> None:
        """Commit all that was handed out, the last one, too."""
        self._take_as_done()
        await self._commit()

    async def leave(self, revoked: Collection[Any]) -> None:
        """Commit what is done of partitions that others get, and forget them."""
        await self._commit()
        for place in revoked:
            self._done.pop(place, None)

    @asynccontextmanager
    async def _joined(self) -> AsyncIterator[Any]:
        consumer = AIOKafkaConsumer(
            **self._client.connection.options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_poll_interval_ms=_MOST_WORK_MS,
        )
        consumer.subscribe([self._client.full_name(self._topic)], listener=_Leaving(self))
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _handed_out(self) -> Any:
        while True:
            for place, records in (await self._consumer.getmany(timeout_ms=_LOOK_MS)).items():
                for record in _last_of_keys(records) if self._last_of_keys else records:
                    if place not in self._consumer.assignment():
                        break  # another member of the group has it now
                    self._given = place, record.offset + 1
                    if (event := _event(record, self._kind)) is not None:
                        yield event
                    self._take_as_done()
                    if time.monotonic() - self._committed > _COMMIT_SECONDS:
                        await self._commit()
            await self._commit()

    def _take_as_done(self) -> None:
        if self._given:
            place, offset = self._given
            self._given = None
            if place in self._consumer.assignment():
                self._done[place] = offset

    async def _commit(self) -> None:
        done = {place: offset for place, offset in self._done.items() if place in self._consumer.assignment()}
        self._done.clear()
        self._committed = time.monotonic()
        if done:
            try:
                await self._consumer.commit(done)
            except CommitFailedError:
                log.info("the group %s has changed: what was not committed comes again", self._group)


class _Leaving(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Tells a member of a group which partitions it loses."""

    def __init__(self, member: Consumed[Any]) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """Commit before others begin."""
        await self._member.leave(revoked)

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """Begin where the group has left off, as the consumer does by itself."""


def _task(fields: Mapping[str, Any], max_bytes: int) -> Task:
    """Return a task that will be on its topic as it is given.

    Raises:
        UsageError: a field is not valid, or holds what JSON has no word for.
        InvalidEvent: it is too large.
    """
    unknown = fields.keys() - Task.model_fields.keys()
    if unknown:
        raise UsageError(f"a task has no field {min(unknown)}; see the event `tasks`")
    try:
        task = Task.model_validate({**{name: one for name, one in fields.items() if one is not None}})
    except ValidationError as error:
        raise UsageError(_sentence(error)) from None
    task = task if task.id else task.model_copy(update={"id": uuid4().hex})
    try:
        same = TASKS.parse(task.to_json(), max_bytes=max_bytes) == task
    except PydanticSerializationError:
        same = False
    if not same:
        raise UsageError("a task holds what JSON has no word for: NaN, an infinity, or half of a surrogate pair")
    return task


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _event(record: Any, kind: Callable[[Mapping[str, Any]], M]) -> M | None:
    """Return the event in a record; None of what is none, which only a stranger can have sent."""
    try:
        return kind(json.loads(record.value or b""))
    except (ValueError, RecursionError, InvalidResponseError) as error:
        log.warning("left out: %s, partition %d, offset %d: %s", record.topic, record.partition, record.offset, error)
        return None


def _last_of_keys(records: Sequence[Any]) -> list[Any]:
    """Return the last record of each key, in their order."""
    last = {record.key: record.offset for record in records if record.key is not None}
    return [record for record in records if last.get(record.key, record.offset) == record.offset]
