"""One worker: the agents of this process, from the creation of the topics to the last commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import agents
from agents.base import Agent
from app.brokers.base import Connection
from app.brokers.reachability import check_idempotence
from app.brokers.topics import InternalTopic, ensure_topics
from app.caching.response_cache import ResponseCache
from app.delivery.assignment.assignment import Assignments, PartitionAssignment
from app.delivery.assignment.fencing import Fences
from app.delivery.assignment.owner_records import GroupOffsets, OwnerRecords
from app.delivery.core import Delivery
from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.kafka.file_reader import FileReader
from app.delivery.kafka.header_names import accept_invalid_header_names
from app.delivery.kafka.kafka_private import FencedProducer
from app.delivery.outbox import Outbox
from app.delivery.state.checkpoints import Checkpoints
from app.delivery.state.partition_state import PartitionState
from app.delivery.stateful_processor import StatefulProcessor
from app.dependencies import Dependencies
from app.models.calling.cancelled_runs import CancelledRuns
from app.routing.health import HealthBoard
from app.routing.health_recorder import HealthRecorder
from app.security.residency import Residency
from app.settings import Settings
from app.syncs.progress import Syncs, topic_reader
from app.syncs.schedule import SyncSchedule
from app.telemetry.tracing import Tracer
from app.worker.background_tasks import BackgroundTasks
from app.worker.components import Components
from app.worker.configured_models import configured_models
from app.worker.embedding_spend import EmbeddingSpend
from app.worker.faust_app import build, channel
from app.worker.feeds.definitions import DefinitionFeed
from app.worker.feeds.health import HealthFeed
from app.worker.feeds.index import IndexFeed
from app.worker.gauges import Gauges
from app.worker.restoration import (
    StateRestorer,
    answer_topics,
    fenced_topics,
    new_partition_state,
    refresh_interval,
    runs_topic,
)
from app.worker.run_state_machine import RunStateMachine
from app.workflows.engine_context import EngineContext, EngineLimits
from app.workflows.run import RunState
from topics import TASKS

log = logging.getLogger(__name__)

#: How much of one partition may wait for the request before it; at aiokafka's 16 KiB, senders wait for room.
_BATCH_BYTES = 256 * 1024

#: This part of the session time-out the producer waits for an answer: less than a lease.
_PATIENCE = 0.75

#: For how many milliseconds a fetch of what all workers follow waits at the broker: where the broker does not wake it,
#: and where it does, and waiting for long costs nothing.
_TAIL_WAIT_MS, _LONG_TAIL_WAIT_MS = 100, 2000
_STOP_SECONDS = 8.0

Check = Callable[[], tuple[bool, str]]


class Worker:
    """Runs the agents against one broker; `start`, then `stop`, both once."""

    def __init__(
        self, settings: Settings, connection: Connection, components: Components, tracer: Tracer | None = None
    ) -> None:
        self.settings = settings
        self.components = components
        self.assignments = Assignments(self._new_partition_state, self._restore)
        self.assignments.in_flight.limit = settings.delivery.max_in_flight_bytes
        self._connection = connection
        self._options = connection.options
        self._name = f"{settings.app_id}-{socket.gethostname()}-{os.getpid()}"
        # Tasks are looked for first; nearly all of the rest follows from them.
        self._pace = FetchPace(connection.appends, [settings.topics.prefix + TASKS.name])
        self._index_pace = FetchPace(connection.appends)
        self._tracer = tracer or Tracer()
        self._residency = Residency(settings)
        self._files = FileReader(connection.options, settings.topics)
        self._definitions = DefinitionFeed(settings, self._tail_options(), components.definitions)
        self._board = HealthBoard()
        self._measures = HealthRecorder(self._name, self._board)
        self._limits = EngineLimits(settings.delivery.max_run, settings.delivery.remember)
        self._stack = AsyncExitStack()
        self._tasks = BackgroundTasks()
        self._agents = agents.needed(remote_stores=bool(components.stores.remote))
        self._feeds: list[IndexFeed] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Create the topics, load the models, and start the agents; return when they are started, not yet ready.

        Raises:
            OrchestratorError: the broker is away, its topics differ from the settings, or a component cannot be loaded.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.components.close)
            stack.push_async_callback(self._files.close)
            stack.push_async_callback(self._end_tasks)
            warming = asyncio.create_task(self.components.warm())
            stack.callback(warming.cancel)
            await self._open(stack)
            await warming
            self._stack = stack.pop_all()

    async def _open(self, stack: AsyncExitStack) -> None:
        accept_invalid_header_names()
        if self._connection.durable:
            await check_idempotence(self._connection)
        runs = InternalTopic(runs_topic(self.settings), compacted=True)
        await ensure_topics(self._connection, self.settings.topics, [runs])
        await self.components.stores.load()
        self._producer = self._new_producer()
        await self._producer.start()
        stack.push_async_callback(_in_time, self._producer.stop)
        self._restorer = self._new_restorer()
        self._assemble()
        stack.push_async_callback(self._end_batchers)
        self._feeds = self._follow_chunks()
        self._tasks.spawn(self._definitions.follow(), "follow definitions")
        self._follow_health()
        self._tasks.spawn(self.deps.processor.keep(), "keep state")
        self._embedding_spend = EmbeddingSpend(
            self.deps.delivery.outbox, self.components.embedder, self.settings.retrieval
        )
        self._tasks.spawn(self._embedding_spend.publish_regularly(), "record what embedding costs")
        self._tasks.spawn(self._checkpoints.keep(), "write down what was answered")
        self._tasks.spawn(self._owner_records.keep(refresh=refresh_interval(self.settings)), "keep the owner's records")
        if self.components.sources:
            self._tasks.spawn(self._sync_schedule().run(), "begin syncs")
        stack.push_async_callback(self.deps.syncs.close)
        gauges = Gauges(self.components.metrics, self.assignments, self.app, lambda: len(self._definitions.refused))
        self._tasks.spawn(gauges.watch(), "watch")
        self.app.finalize()
        stack.push_async_callback(_in_time, self.app.stop)
        await self.app.start()

    def _tail_options(self, pace: FetchPace | None = None) -> dict[str, Any]:
        appends = self._connection.appends
        wait = _TAIL_WAIT_MS if appends else _LONG_TAIL_WAIT_MS
        return {**self._options, "fetch_max_wait_ms": wait, "pace": pace or FetchPace(appends)}

    def _stir(self) -> None:
        """Have what this worker has just sent be fetched without a pause."""
        self._pace.stir()
        self._index_pace.stir()

    def _new_restorer(self) -> StateRestorer:
        settings, fence = self.settings, None
        if self._connection.durable:
            fences = Fences(self._producer, self.assignments, settings.app_id, fenced_topics(settings))
            self._tasks.spawn(fences.renew_regularly(), "renew fences")
            fence = fences.fence
        return StateRestorer(
            settings,
            self._options,
            fence=fence,
            take_over=self._take_over,
            before_open=self._definitions.reach_end,
        )

    def _new_producer(self) -> FencedProducer:
        return FencedProducer(
            **self._options,
            request_timeout_ms=int(self.settings.broker.session_timeout * _PATIENCE * 1000),
            acks="all",
            max_batch_size=_BATCH_BYTES,
            enable_idempotence=self._connection.durable,
            max_request_size=self.settings.topics.max_request_bytes,
            client_id=self._name,
        )

    def _assemble(self) -> None:
        """Build the core, and attach every agent to its topic."""
        settings, chosen = self.settings, self.components
        outbox = Outbox(
            self._producer,
            prefix=settings.topics.prefix,
            source=f"/{settings.app_id}",
            propagate=self._tracer.traceparent_for,
            metrics=chosen.metrics,
            limits={one.topic.name: settings.delivery.max_event_bytes for one in self._agents if one.topic.bounded},
            on_publish=self._stir,
        )
        delivery = Delivery(
            settings.delivery, outbox, self.assignments, chosen.metrics, tracer=self._tracer, group=settings.app_id
        )
        self._checkpoints = Checkpoints(
            delivery, state_topic=runs_topic(settings), answers=frozenset(answer_topics(settings))
        )
        self._owner_records = OwnerRecords(
            delivery,
            me=f"{self._name}-{secrets.token_hex(4)}",
            state_topic=runs_topic(settings),
            places=GroupOffsets(
                self._options, settings.app_id, [outbox.full_name(agent.topic) for agent in self._agents]
            ),
        )
        cancelled, audit_key = CancelledRuns(), settings.audit.secret
        partitions, metrics = settings.topics.partitions, chosen.metrics
        runs = RunStateMachine(self._engine_context, partitions, metrics, audit_key, cancelled.add)
        processor: StatefulProcessor[RunState] = StatefulProcessor(delivery, runs, state_topic=runs_topic(settings))
        self.deps = Dependencies(
            settings=settings,
            models=configured_models(chosen, settings, self._measures, self._board),
            connectors=chosen.connectors,
            sources=chosen.sources,
            syncs=Syncs(self.assignments, topic_reader(settings, self._options)),
            embedder=chosen.embedder,
            stores=chosen.stores,
            parser=chosen.parser,
            files=self._files,
            response_cache=ResponseCache(chosen.cache),
            webhooks=chosen.webhooks,
            residency=self._residency,
            measures=self._measures,
            metrics=chosen.metrics,
            tracer=self._tracer,
            delivery=delivery,
            processor=processor,
            cancelled_runs=cancelled,
        )
        self.app = build(settings, self._connection, self.assignments, self._pace)
        self.app.transport.before_rebalance = self._before_rebalance
        for agent in self._agents:
            self._attach(agent)

    def _sync_schedule(self) -> SyncSchedule:
        deps = self.deps
        return SyncSchedule(
            deps.sources, self.assignments, deps.delivery.outbox.publish, self.settings.topics.partitions
        )

    def _engine_context(self) -> EngineContext:
        """Return what the engine may know now."""
        known, health = self.components, self._board.health(time.time())
        return EngineContext(
            known.definitions, known.profiles, health, self._limits, self.settings.budgets, self._residency
        )

    def _attach(self, agent: Agent) -> None:
        async def run(stream: Any) -> None:
            await agent.run(stream, self.deps)

        self.app.agent(channel(self.app, self.settings, agent.topic), name=agent.name)(run)

    def _follow_chunks(self) -> list[IndexFeed]:
        feeds = []
        for name, store in self.components.stores.local.items():
            options = self._tail_options(self._index_pace)
            feed = IndexFeed(self.settings, options, store, admits=partial(self._residency.is_allowed_store, name))
            self._tasks.spawn(feed.follow(), f"follow chunks for {name}")
            self._tasks.spawn(feed.save_regularly(), f"save the index of {name}")
            feeds.append(feed)
        return feeds

    def _follow_health(self) -> None:
        deps = self.deps
        feed = HealthFeed(
            self.settings,
            self._tail_options(),
            self._board,
            measures=deps.measures,
            outbox=deps.delivery.outbox,
        )
        self._tasks.spawn(feed.follow(), "follow health")
        self._tasks.spawn(feed.publish_regularly(), "publish health")

    def _new_partition_state(self, partition: int) -> PartitionState:
        return new_partition_state(self.settings, partition)

    def _restore(self, new: list[PartitionAssignment]) -> None:
        self._tasks.spawn(self._restorer.read(new), "restore partitions")

    async def _take_over(self, found: Mapping[PartitionAssignment, bytes | None]) -> None:
        if self._connection.durable:  # the embedded broker serves one process, whose death nobody else learns of
            await self._owner_records.take_over(found)

    async def _before_rebalance(self) -> None:
        """Write what is finished, so that the next owner need not repeat it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await asyncio.gather(
                    self.deps.processor.write_changes(), self._checkpoints.write(), self._owner_records.pause()
                )
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
        ready = [
            assignment for assignment in self.assignments if assignment.active and assignment.partition_state.ready
        ]
        return 0 < len(ready) == len(self.assignments), f"{len(ready)} of {len(self.assignments)} partitions ready"

    def _check_index(self) -> tuple[bool, str]:
        caught_up = self._feeds is not None and all(feed.caught_up for feed in self._feeds)
        return caught_up, "index is up to date" if caught_up else "index is being rebuilt from chunks"

    def _check_workflows(self) -> tuple[bool, str]:
        known = self._definitions.caught_up
        return known, "workflows are known" if known else "workflows are being read from definitions"

    @property
    def index_position(self) -> Mapping[int, int]:
        """For each partition of `chunks`, the offset up to which all of this worker's indexes hold it."""
        positions = [feed.position for feed in self._feeds or ()]
        return {one: min(position.get(one, 0) for position in positions) for one in set().union(*positions)}

    def _check_running(self) -> tuple[bool, str]:
        return not self._stopping, "shutting down" if self._stopping else "running"

    async def ready(self) -> None:
        """Return when all checks hold."""
        while not all(ok for ok, _ in (check() for check in self.checks().values())):  # noqa: ASYNC110  # checks are polled
            await asyncio.sleep(0.01)

    async def broken(self) -> None:
        """Return when the worker cannot go on, because a task that it needs has ended; the log says why."""
        await self._tasks.broken()

    async def stop(self) -> None:
        """Finish what is in flight within the grace period, commit, and leave the group.

        Where the broker is away, the last two are abandoned after a while: another worker repeats what is not
        committed, and nothing is paid for twice. If it is gone for good, neither is tried.
        """
        self._stopping = True
        if self._connection.gone() is None:
            await self.deps.delivery.drain(self.settings.delivery.shutdown_grace)
            await self._before_rebalance()
            # Side by side: where the broker is away, each takes as long as it may.
            await asyncio.gather(
                _in_time(self.app.consumer.commit),
                _in_time(self._owner_records.end),
                _in_time(self._embedding_spend.publish),
            )
        self.assignments.leave()
        await self._stack.aclose()

    async def _end_batchers(self) -> None:
        for configured in self.deps.models.values():
            if configured.batcher:
                await configured.batcher.close()

    async def _end_tasks(self) -> None:
        for assignment in self.assignments:
            assignment.end()
        await self._tasks.end()
        for feed in self._feeds or ():
            feed.note_position()


async def _in_time(end: Callable[[], Awaitable[object]]) -> None:
    """Run a step of the shutdown, but not for longer than it takes when the broker answers.

    It is left behind even if it goes on after it was cancelled, as parts of Faust do.
    """
    step = asyncio.ensure_future(end())
    done, _ = await asyncio.wait([step], timeout=_STOP_SECONDS)
    if done:
        step.result()
        return
    step.cancel()
    log.warning("%s was abandoned after %g s: does the broker answer?", end.__qualname__, _STOP_SECONDS)
