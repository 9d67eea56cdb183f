"""A broker's two ends without a broker: streams that are fed by hand, and a producer that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import KafkaError

from app.delivery.assignment.assignment import Assignments, PartitionAssignment
from app.delivery.core import Delivery
from app.delivery.envelope import Headers
from app.delivery.outbox import Outbox, Record
from app.delivery.state.partition_state import PartitionState
from app.settings import DeliverySettings
from app.telemetry.metrics import Metrics
from topics.base import Event, Topic

TRACEPARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


@dataclass(frozen=True, slots=True)
class Message:
    """What Faust hands to an agent."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] | None = None
    timestamp: float = 1_700_000_000.0


class Stream:
    """One agent's stream, of which only the channel may be used."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self.channel = self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self._queue.get()

    def put(self, message: Message) -> None:
        self._queue.put_nowait(message)


class Producer:
    """Keeps what is sent; `fail` may name an error for a record, and `hold` keeps acknowledgements back."""

    def __init__(self) -> None:
        self.sent: list[Record] = []
        self.acknowledged: list[Record] = []
        self.refuse: Callable[[Record], BaseException | None] = lambda _record: None
        self.fail: Callable[[Record], Exception | None] = lambda _record: None
        self.hold: Callable[[Record], bool] = lambda _record: False
        self._held: list[tuple[Record, asyncio.Future[Any]]] = []

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> asyncio.Future[Any]:
        assert timestamp_ms is None
        record = Record(topic, key, value, headers or [], partition)
        if error := self.refuse(record):
            raise error
        self.sent.append(record)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.hold(record):
            self._held.append((record, future))
        else:
            self._resolve(record, future)
        return future

    def _resolve(self, record: Record, future: asyncio.Future[Any]) -> None:
        if error := self.fail(record):
            future.set_exception(error)
        else:
            self.acknowledged.append(record)
            line = record.topic, record.partition
            future.set_result(SimpleNamespace(offset=sum((one.topic, one.partition) == line for one in self.sent) - 1))

    def let_go(self) -> None:
        """Acknowledge what was held back."""
        self.hold = lambda _record: False
        held, self._held = self._held, []
        for record, future in held:
            self._resolve(record, future)

    def on(self, topic: Topic[Any] | str) -> list[Record]:
        """Return what was acknowledged on a topic."""
        name = topic if isinstance(topic, str) else topic.name
        return [record for record in self.acknowledged if record.topic == name]


def once(error: KafkaError) -> Callable[[Record], Exception | None]:
    """Return a failure that happens to the first record only."""
    errors = iter([error])
    return lambda _record: next(errors, None)


class Counts(Metrics):
    """Keeps the outcomes."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.retries = 0
        self.most_in_flight = 0

    def finished(self, topic: str, outcome: str, seconds: float) -> None:  # noqa: ARG002  # the hook's signature
        self.outcomes.append(outcome)

    def retried(self, agent: str) -> None:  # noqa: ARG002  # likewise
        self.retries += 1

    def in_flight(self, agent: str, n: int) -> None:  # noqa: ARG002  # likewise
        self.most_in_flight = max(self.most_in_flight, n)


FAST = DeliverySettings(backoff=0.001, max_backoff=0.002, retries=2)


def outbox(producer: Producer, metrics: Metrics | None = None) -> Outbox:
    """Return an outbox whose events all have the same trace."""
    return Outbox(
        producer,
        prefix="",
        source="/test",
        propagate=lambda parent: parent or TRACEPARENT,
        metrics=metrics or Metrics(),
    )


@dataclass
class Harness:
    """One worker's delivery, which owns partitions; feed it with `deliver`."""

    settings: DeliverySettings = FAST
    producer: Producer = field(default_factory=Producer)
    metrics: Counts = field(default_factory=Counts)
    wake_at: Callable[[Any], float | None] = lambda _value: None
    loaded: bool = True
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assignments = Assignments(self._open)
        self.delivery = Delivery(self.settings, outbox(self.producer, self.metrics), self.assignments, self.metrics)

    def _open(self, partition: int) -> PartitionState:
        partition_state = PartitionState(partition, wake_at=self.wake_at, window=600.0)
        if self.loaded:
            partition_state.finish_loading()
        return partition_state

    def own(self, topic: str, *partitions: int) -> None:
        """Assign partitions, and no others, to this worker."""
        self.assignments.assign((topic, partition) for partition in partitions)

    def assignment(self, partition: int = 0) -> PartitionAssignment:
        assignment = self.assignments.get(partition)
        assert assignment is not None
        return assignment

    def message(
        self, topic: Topic[Any], event: Event | bytes | None, *, key: bytes | None = b"k", partition: int = 0
    ) -> Message:
        """Return the next message of a partition."""
        offset = self.offsets.get((topic.name, partition), 0)
        self.offsets[topic.name, partition] = offset + 1
        value = event.to_json() if isinstance(event, Event) else event
        return Message(topic.name, partition, offset, key, value)

    def deliver(self, stream: Stream, *messages: Message) -> None:
        """Do as the consumer does with fetched messages."""
        for message in messages:
            if assignment := self.assignments.get(message.partition):
                assignment.offset_trackers[message.topic].fetched(message.offset)
            stream.put(message)

    def start(self, loop: Any) -> None:
        """Run an agent's loop until `stop`."""
        self.running.append(asyncio.create_task(loop))

    async def stop(self) -> None:
        """End all that was started."""
        for assignment in self.assignments:
            assignment.end()
        tasks = [*self.running, *(task for assignment in self.assignments for task in assignment.tasks)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def committable(self, topic: Topic[Any], partition: int = 0) -> int | None:
        return self.assignments.committable().get((topic.name, partition))


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; a test that waits in vain fails by its time-out."""
    async with asyncio.timeout(5.0):
        while not condition():  # noqa: ASYNC110  # what is awaited has no event
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Let everything run that can run without waiting for time."""
    for _ in range(20):
        await asyncio.sleep(0)
