"""One worker: the agents of this process, from the creation of the topics to the last commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

import agents
from agents.parts import ConfiguredModel, Parts
from agents.runs import Runs
from app.bootstrap import Components
from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.delivery.core import Delivery
from app.delivery.deciding import Decider
from app.delivery.envelope import first
from app.delivery.header_names import forgive
from app.delivery.holdings import Holdings
from app.delivery.log import read_back
from app.delivery.outbox import Outbox
from app.delivery.tail import Tail
from app.delivery.tenure import Tenure, Tenures
from app.errors import InvalidEvent, RetrievalError
from app.settings import Settings
from app.stream import build, channel
from app.telemetry.tracing import Tracer
from app.workflows.engine import Limits
from app.workflows.run import Run, RunState, decode
from topics import CHUNKS, MODEL_RESPONSES, RETRIEVAL_RESULTS

log = logging.getLogger(__name__)

Check = Callable[[], tuple[bool, str]]


class Worker:
    """Runs the agents against one broker; `start`, then `stop`, both once."""

    def __init__(
        self, settings: Settings, connection: Connection, components: Components, tracer: Tracer | None = None
    ) -> None:
        self.settings = settings
        self.components = components
        self._connection = connection
        self._options = {"bootstrap_servers": connection.bootstrap_servers, **connection.client_options}
        self._tracer = tracer or Tracer()
        self._prefix = settings.topics.prefix
        self._runs_topic = f"{self._prefix}{settings.app_id}-runs"
        self._limits = Limits(settings.delivery.max_run, settings.delivery.remember)
        longest = max((model.total_timeout for model in settings.models.values()), default=0.0)
        self._answer_window = settings.delivery.remember + longest
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._broken = asyncio.Event()

    async def start(self) -> None:
        """Create the topics, and start the agents; returns when they are started, not yet when they are ready.

        Raises:
            BrokerError: the broker is away, or its topics do not fit the settings.
        """
        forgive()
        await ensure_topics(self._connection, self.settings.topics, [InternalTopic(self._runs_topic, compacted=True)])
        await self._open_producer()
        await self.components.store.load()
        self._assemble()
        self._follow_chunks()
        self._spawn(self.parts.decider.keep(), "keep state")
        self._spawn(self._watch(), "watch")
        self.app.finalize()
        await self.app.start()

    async def _open_producer(self) -> None:
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=self._connection.durable,
            max_request_size=self.settings.topics.max_message_bytes + 2 * 1024 * 1024,
            client_id=f"{self.settings.app_id}-{socket.gethostname()}-{os.getpid()}",
        )
        await self._producer.start()

    def _assemble(self) -> None:
        """Put the core together, and attach every agent to its topic."""
        settings, parts = self.settings, self.components
        self.tenures = Tenures(self._open_holdings, self._taken_over)
        outbox = Outbox(
            self._producer,
            prefix=self._prefix,
            source=f"/{settings.app_id}",
            propagate=self._tracer.traceparent_for,
            metrics=parts.metrics,
        )
        delivery = Delivery(
            settings.delivery, outbox, self.tenures, parts.metrics, tracer=self._tracer, group=settings.app_id
        )
        runs = Runs(parts.definitions, self._limits, settings.topics.partitions, parts.metrics)
        decider: Decider[RunState] = Decider(delivery, runs, state_topic=self._runs_topic)
        models = {
            name: ConfiguredModel(
                model, settings.models[name], asyncio.Semaphore(settings.models[name].max_concurrency)
            )
            for name, model in parts.models.items()
        }
        self.parts = Parts(
            settings, models, parts.embedder, parts.store, parts.metrics, self._tracer, delivery, decider
        )
        self.app = build(settings, self._connection)
        self.app.transport.tenures = self.tenures
        self.app.transport.before_rebalance = self._before_rebalance
        for name in agents.ALL:
            self._attach(import_module(f"agents.{name}"))

    def _attach(self, module: Any) -> None:
        async def agent(stream: Any) -> None:
            await module.run(stream, self.parts)

        self.app.agent(channel(self.app, self.settings, module.TOPIC), name=module.NAME)(agent)

    def _open_holdings(self, partition: int) -> Holdings:
        return Holdings(partition, wake_at=lambda state: state.wake_at, window=self._answer_window)

    def _taken_over(self, new: list[Tenure]) -> None:
        self.components.metrics.owned_partitions(len(self.tenures))
        self._spawn(self._load(new), "read the log back")

    async def _load(self, new: list[Tenure]) -> None:
        """Read the state of runs, and what has been answered, for partitions that are ours now."""
        holdings = {tenure.partition: tenure.holdings for tenure in new}
        now = time.time()  # remembered from now on: after a long pause the answers are old, but may still be asked for

        def run(record: Any) -> None:
            if record.value is not None:
                try:
                    holdings[record.partition].values.put(record.key.decode(), decode(record.value))
                except (AttributeError, ValueError) as error:
                    place = f"{record.topic}/{record.partition}/{record.offset}"
                    log.error("%s is no run: %s", place, type(error).__name__)  # noqa: TRY400  # says it all

        def answered(record: Any) -> None:
            if event_id := first(record.headers, "ce_id"):
                holdings[record.partition].answered.add(event_id, now)

        await asyncio.gather(
            self._read(self._runs_topic, holdings, run, self._limits.max_run + self._limits.remember),
            *(
                self._read(self._prefix + topic.name, holdings, answered, self._answer_window)
                for topic in (MODEL_RESPONSES, RETRIEVAL_RESULTS)
            ),
        )
        for held in holdings.values():
            held.finish_loading()

    async def _read(
        self, topic: str, partitions: Mapping[int, Holdings], read: Callable[[Any], None], window: float
    ) -> None:
        while True:
            try:
                await read_back(self._options, topic, list(partitions), read, window=window)
            except KafkaError as error:
                log.warning("reading %s back again after: %r", topic, error)
                await asyncio.sleep(1.0)
            else:
                return

    def _follow_chunks(self) -> None:
        """Keep this worker's index in step with the chunks topic."""

        async def apply(record: Any) -> None:
            try:
                part = CHUNKS.parse(record.value, max_bytes=self.settings.topics.max_message_bytes)
                await self.components.store.apply(part)
            except InvalidEvent as error:
                place = f"{record.topic}/{record.partition}/{record.offset}"
                log.error("%s is no chunks: %s", place, error)  # noqa: TRY400  # says it all

        position = {int(partition): offset for partition, offset in self.components.store.get_position().items()}
        options = {**self._options, "fetch_max_wait_ms": self._connection.fetch_wait_ms}
        self.tail = Tail(options, self._prefix + CHUNKS.name, apply, position)
        self._spawn(self.tail.run(), "follow chunks")
        self._spawn(self._save_index(), "save the index")

    async def _save_index(self, *, interval: float = 10.0) -> None:
        while True:
            await asyncio.sleep(interval)
            self._note_position()
            try:
                await self.components.store.save()
            except RetrievalError as error:
                log.warning("the index is not saved, and will be rebuilt from its topic: %s", error)

    def _note_position(self) -> None:
        self.components.store.set_position({str(partition): at for partition, at in self.tail.position.items()})

    async def _before_rebalance(self) -> None:
        """Write what is finished, so that the next owner need not do it again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self.parts.decider.write_changes()
                await self._producer.flush()

    def checks(self) -> Mapping[str, Check]:
        """Return what must hold before this worker is ready."""
        return {"partitions": self._check_partitions, "index": self._check_index, "shutdown": self._check_running}

    def _check_partitions(self) -> tuple[bool, str]:
        owned = list(self.tenures) if hasattr(self, "tenures") else []
        ready = [tenure for tenure in owned if tenure.active and tenure.holdings.ready]
        return bool(owned) and len(ready) == len(owned), f"{len(ready)} of {len(owned)} partitions ready"

    def _check_index(self) -> tuple[bool, str]:
        caught_up = hasattr(self, "tail") and self.tail.caught_up.is_set()
        return caught_up, "index is up to date" if caught_up else "index is being rebuilt from chunks"

    def _check_running(self) -> tuple[bool, str]:
        return not self._stopping, "shutting down" if self._stopping else "running"

    async def ready(self) -> None:
        """Return when all checks hold."""
        while not all(ok for ok, _ in (check() for check in self.checks().values())):  # noqa: ASYNC110  # checks are polled
            await asyncio.sleep(0.01)

    async def broken(self) -> None:
        """Return when the worker cannot go on, because a part that it needs has ended; the log says why."""
        await self._broken.wait()

    async def _watch(self, *, interval: float = 2.0) -> None:
        """Measure what changes slowly, and notice when Faust has given up."""
        while True:
            await asyncio.sleep(interval)
            self._measure()
            if self.app.crashed:
                raise RuntimeError(f"the consumer crashed: {self.app.crash_reason!r}")

    def _measure(self) -> None:
        metrics = self.components.metrics
        metrics.owned_partitions(len(self.tenures))
        metrics.runs_active(sum(isinstance(state, Run) for tenure in self.tenures for state in tenure.holdings.values))
        if self.tenures.suspended:
            return
        for (topic, partition), offset in self.tenures.committable().items():
            end = self.app.consumer.highwater(TP(topic, partition))
            metrics.lag(topic, partition, max(0, (end or offset) - offset))

    async def stop(self) -> None:
        """Finish what is in flight within the grace period, commit, and leave the group."""
        self._stopping = True
        await self.parts.delivery.drain(self.settings.delivery.shutdown_grace)
        await self._before_rebalance()
        await self.app.consumer.commit()
        await self.app.stop()
        for tenure in self.tenures:
            tenure.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._producer.stop()
        self._note_position()
        await self.components.close()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.critical("%s ended: %r", task.get_name(), error, exc_info=error)
            self._broken.set()
