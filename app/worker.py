"""One worker: the agents of this process, from the creation of the topics to the last commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

from aiokafka import AIOKafkaProducer
from faust.types import TP

import agents
from agents.parts import ConfiguredModel, Parts
from agents.runs import Runs
from app.answers import Answers
from app.bootstrap import Components
from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.definition_feed import DefinitionFeed
from app.delivery.core import Delivery
from app.delivery.deciding import Decider
from app.delivery.header_names import forgive
from app.delivery.holdings import Holdings
from app.delivery.outbox import Outbox
from app.delivery.tenure import Tenure, Tenures
from app.health_feed import HealthFeed, Measures
from app.index_feed import IndexFeed
from app.models.base import Model
from app.models.batching import Batcher
from app.models.guards.building import guarded, guarded_batches
from app.models.hedging import Hedges
from app.routing.health import Board
from app.settings import Settings
from app.stream import build, channel
from app.takeover import Takeover, open_holdings, runs_topic
from app.telemetry.tracing import Tracer
from app.workflows.run import Run, RunState
from app.workflows.world import Limits, World

log = logging.getLogger(__name__)

#: Of one partition's events that wait for the request before; at aiokafka's 16 KiB, senders wait for room.
_BATCH_BYTES = 256 * 1024

_TAIL_WAIT_MS = 100
_FAREWELL_SECONDS = 8.0

_AGENTS = tuple(import_module(f"agents.{name}") for name in agents.ALL)

Check = Callable[[], tuple[bool, str]]


class Worker:
    """Runs the agents against one broker; `start`, then `stop`, both once."""

    def __init__(
        self, settings: Settings, connection: Connection, components: Components, tracer: Tracer | None = None
    ) -> None:
        self.settings = settings
        self.components = components
        self.tenures = Tenures(self._open_holdings, self._taken_over)
        self._connection = connection
        self._options = {"bootstrap_servers": connection.bootstrap_servers, **connection.client_options}
        self._name = f"{settings.app_id}-{socket.gethostname()}-{os.getpid()}"
        # Where the broker lets each fetch wait in full: what all workers follow is not looked for as often as tasks.
        self._tail_options = {**self._options, "fetch_max_wait_ms": max(_TAIL_WAIT_MS, connection.fetch_wait_ms)}
        self._tracer = tracer or Tracer()
        self._definitions = DefinitionFeed(settings, self._tail_options, components.definitions)
        self._takeover = Takeover(settings, self._options, before_open=self._definitions.reach_end)
        self._board = Board()
        self._measures = Measures(self._name, self._board)
        self._limits = Limits(settings.delivery.max_run, settings.delivery.remember)
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._feed: IndexFeed | None = None
        self._stopping = False
        self._broken = asyncio.Event()

    async def start(self) -> None:
        """Create the topics, load the models, and start the agents; returns when they are started, not yet ready.

        Raises:
            OrchestratorError: the broker is away, its topics do not fit the settings, or a part cannot be loaded.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.components.close)
            stack.push_async_callback(self._end_tasks)
            warming = asyncio.create_task(self.components.warm())
            stack.callback(warming.cancel)
            await self._open(stack)
            await warming
            self._stack = stack.pop_all()

    async def _open(self, stack: AsyncExitStack) -> None:
        forgive()
        runs = InternalTopic(runs_topic(self.settings), compacted=True)
        await ensure_topics(self._connection, self.settings.topics, [runs])
        await self.components.store.load()
        self._producer = self._new_producer()
        await self._producer.start()
        stack.push_async_callback(_in_time, self._producer.stop)
        self._assemble()
        stack.push_async_callback(self._end_batchers)
        self._feed = self._follow_chunks()
        self._spawn(self._definitions.follow(), "follow definitions")
        self._follow_health()
        self._spawn(self.parts.decider.keep(), "keep state")
        self._spawn(self._watch(), "watch")
        self.app.finalize()
        stack.push_async_callback(_in_time, self.app.stop)
        await self.app.start()

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._options,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            enable_idempotence=self._connection.durable,
            max_request_size=self.settings.topics.max_request_bytes,
            client_id=self._name,
        )

    def _assemble(self) -> None:
        """Put the core together, and attach every agent to its topic."""
        settings, chosen = self.settings, self.components
        outbox = Outbox(
            self._producer,
            prefix=settings.topics.prefix,
            source=f"/{settings.app_id}",
            propagate=self._tracer.traceparent_for,
            metrics=chosen.metrics,
            limits={module.TOPIC.name: settings.delivery.max_event_bytes for module in _AGENTS},
        )
        delivery = Delivery(
            settings.delivery, outbox, self.tenures, chosen.metrics, tracer=self._tracer, group=settings.app_id
        )
        runs = Runs(self._world, settings.topics.partitions, chosen.metrics)
        decider: Decider[RunState] = Decider(delivery, runs, state_topic=runs_topic(settings))
        self.parts = Parts(
            settings=settings,
            models=self._models(),
            connectors=chosen.connectors,
            embedder=chosen.embedder,
            store=chosen.store,
            answers=Answers(chosen.cache),
            measures=self._measures,
            metrics=chosen.metrics,
            tracer=self._tracer,
            delivery=delivery,
            decider=decider,
        )
        self.app = build(settings, self._connection, self.tenures)
        self.app.transport.before_rebalance = self._before_rebalance
        for module in _AGENTS:
            self._attach(module)

    def _world(self) -> World:
        """Return what the engine may know at this moment."""
        known, health = self.components, self._board.health(time.time())
        return World(known.definitions, known.facts, health, self._limits, self.settings.budgets)

    def _models(self) -> Mapping[str, ConfiguredModel]:
        return {name: self._configured(name, model) for name, model in self.components.models.items()}

    def _configured(self, name: str, model: Model) -> ConfiguredModel:
        settings = self.settings.models[name]
        gate = guarded(
            name,
            model,
            settings,
            self._measures.circuit(name),
            callers=lambda: self._board.callers(name, time.time()),
        )
        hedges = Hedges(settings.hedge) if settings.hedge else None
        batcher = None
        if "batch" in model.features:
            batcher = Batcher(guarded_batches(name, model, self._measures.circuit(name)), settings)
        return ConfiguredModel(gate, settings, self.components.prices.get(name), hedges, batcher)

    def _attach(self, module: Any) -> None:
        async def agent(stream: Any) -> None:
            await module.run(stream, self.parts)

        self.app.agent(channel(self.app, self.settings, module.TOPIC), name=module.NAME)(agent)

    def _follow_chunks(self) -> IndexFeed:
        feed = IndexFeed(self.settings, self._tail_options, self.components.store)
        self._spawn(feed.follow(), "follow chunks")
        self._spawn(feed.save_regularly(), "save the index")
        return feed

    def _follow_health(self) -> None:
        parts = self.parts
        feed = HealthFeed(
            self.settings, self._tail_options, self._board, measures=parts.measures, outbox=parts.delivery.outbox
        )
        self._spawn(feed.follow(), "follow health")
        self._spawn(feed.publish_regularly(), "publish health")

    def _open_holdings(self, partition: int) -> Holdings:
        return open_holdings(self.settings, partition)

    def _taken_over(self, new: list[Tenure]) -> None:
        self._spawn(self._takeover.read(new), "take partitions over")

    async def _before_rebalance(self) -> None:
        """Write what is finished, so that the next owner need not do it again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self.parts.decider.write_changes()
                await self._producer.flush()

    def checks(self) -> Mapping[str, Check]:
        """Return what must hold before this worker is ready."""
        return {
            "partitions": self._check_partitions,
            "index": self._check_index,
            "workflows": self._check_workflows,
            "shutdown": self._check_running,
        }

    def _check_partitions(self) -> tuple[bool, str]:
        ready = [tenure for tenure in self.tenures if tenure.active and tenure.holdings.ready]
        return 0 < len(ready) == len(self.tenures), f"{len(ready)} of {len(self.tenures)} partitions ready"

    def _check_index(self) -> tuple[bool, str]:
        caught_up = self._feed is not None and self._feed.caught_up
        return caught_up, "index is up to date" if caught_up else "index is being rebuilt from chunks"

    def _check_workflows(self) -> tuple[bool, str]:
        known = self._definitions.caught_up
        return known, "workflows are known" if known else "workflows are being read from definitions"

    @property
    def index_position(self) -> Mapping[int, int]:
        """For each partition of `chunks`, the offset up to which this worker's index holds it."""
        return self._feed.position if self._feed else {}

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
        metrics.definitions_refused(len(self._definitions.refused))
        if self.tenures.suspended:
            return
        for (topic, partition), offset in self.tenures.committable().items():
            end = self.app.consumer.highwater(TP(topic, partition))
            metrics.lag(topic, partition, max(0, (end or offset) - offset))

    async def stop(self) -> None:
        """Finish what is in flight within the grace period, commit, and leave the group.

        Where the broker is away, the last two are given up after a while: another worker does again what is not
        committed, and nothing of it is paid twice.
        """
        self._stopping = True
        await self.parts.delivery.drain(self.settings.delivery.shutdown_grace)
        await self._before_rebalance()
        await _in_time(self.app.consumer.commit)
        await self._stack.aclose()

    async def _end_batchers(self) -> None:
        for configured in self.parts.models.values():
            if configured.batcher:
                await configured.batcher.close()

    async def _end_tasks(self) -> None:
        for tenure in self.tenures:
            tenure.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._feed:
            self._feed.note_position()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.critical("%s ended: %r", task.get_name(), error, exc_info=error)
            self._broken.set()


async def _in_time(end: Callable[[], Awaitable[object]]) -> None:
    """Do one of the last things, but not for longer than it takes when the broker answers."""
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await end()
    except TimeoutError:
        log.warning("%s was given up after %g s: does the broker answer?", end.__qualname__, _FAREWELL_SECONDS)
