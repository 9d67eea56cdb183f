"""Agents' parts that touch nothing: a scripted model, and a store and an embedder that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import numpy as np

from app.caching.memory import MemoryCache
from app.caching.response_cache import ResponseCache
from app.connectors.base import Connector
from app.connectors.registry import ConfiguredConnector
from app.delivery.envelope import Received
from app.delivery.kafka.file_reader import FileReader
from app.delivery.stateful_processor import StatefulProcessor, StateMachine
from app.dependencies import ConfiguredModel, Dependencies
from app.models.batching.batcher import Batcher
from app.models.calling.cancelled_runs import CancelledRuns
from app.models.scripted.adapter import Scripted
from app.prices.price import Price
from app.retrieval.base import SearchScope, Vectors
from app.retrieval.parsing.parser import DocumentParser
from app.retrieval.several import Stores
from app.routing.health_recorder import HealthRecorder
from app.security.residency import Residency
from app.settings import ConnectorSettings, ModelSettings, Settings
from app.sources.registry import ConfiguredSource
from app.syncs.progress import Syncs
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracer
from app.webhooks.sender import WebhookSender
from app.workflows.run import RunState
from testkit.bounded_limiter import BoundedLimiter
from tests.delivery.fakes import Harness
from topics.base import Event
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk

PARTITIONS = 4


class Embedder:
    """Gives each text a vector of its length; fails when told to."""

    name = "lengths"
    dimensions = 2

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        if self.error:
            raise self.error
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(len(texts), 2)

    async def close(self) -> None:
        """Hold nothing."""


class Hanging(Embedder):
    """Never gives a vector."""

    async def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002  # the port's signature
        await asyncio.Event().wait()
        raise AssertionError


class Store:
    """Finds what it was given, and keeps what it was asked; fails when told to."""

    def __init__(self, *chunks: Chunk) -> None:
        self.chunks = chunks
        self.asked: list[tuple[str, int, SearchScope]] = []
        self.error: BaseException | None = None

    async def load(self) -> None:
        """Have nothing saved."""

    async def save(self) -> None:
        """Keep nothing."""

    def get_position(self) -> Mapping[str, int]:
        return {}

    def set_position(self, position: Mapping[str, int]) -> None:
        """Follow no log."""

    async def apply(self, part: DocumentChunks) -> None:
        """Take nothing in: what is found is given from the start."""

    async def search(self, query: str, *, limit: int, scope: SearchScope) -> list[Chunk]:
        self.asked.append((query, limit, scope))
        if self.error:
            raise self.error
        return list(self.chunks[:limit])

    async def close(self) -> None:
        """Hold nothing."""


@dataclass
class Measured(Metrics):
    """Keeps what was measured."""

    calls: list[tuple[str, str, str, int]] = field(default_factory=list)
    retrievals: list[str] = field(default_factory=list)
    runs: list[tuple[str, str]] = field(default_factory=list)

    def model_call(  # noqa: PLR0917  # the hook's signature
        self,
        model: str,
        provider: str,
        outcome: str,
        seconds: float,  # noqa: ARG002  # likewise
        tries: int = 1,
        input_tokens: int = 0,
        output_tokens: int = 0,  # noqa: ARG002  # likewise
    ) -> None:
        self.calls.append((model, f"{provider}/{tries}", outcome, input_tokens))

    def retrieval(self, outcome: str, seconds: float) -> None:  # noqa: ARG002  # likewise
        self.retrievals.append(outcome)

    def run_finished(self, workflow: str, status: str, seconds: float) -> None:  # noqa: ARG002  # likewise
        self.runs.append((workflow, status))


async def nothing_read(_topic: Any, _partition: int, _take: Any) -> None:
    """Read topics that are empty."""


def connected(connector: Connector, **settings: Any) -> ConfiguredConnector:
    """Return a connector with its settings, one request at a time."""
    return ConfiguredConnector(connector, ConnectorSettings.model_validate(settings), asyncio.Semaphore(1))


def assemble(
    harness: Harness | None = None,
    *,
    machine: Any = None,
    connectors: Mapping[str, ConfiguredConnector] | None = None,
    sources: Mapping[str, ConfiguredSource] | None = None,
    syncs: Syncs | None = None,
    models: Mapping[str, ModelSettings] | None = None,
    **scripts: Mapping[str, Any],
) -> Dependencies:
    """Return parts with scripted models: each by its name and its settings, or the options of its script.

    The stateful agents have the state `machine`; without one they must not be run.
    """
    harness = harness or Harness()
    described = {**(models or {}), **{name: scripted(**script) for name, script in scripts.items()}} or {
        "local": scripted()
    }
    settings = Settings.model_validate({"models": described, "ask": {"models": tuple(described), "strategy": "vote"}})
    processor: StatefulProcessor[RunState] = StatefulProcessor(
        harness.delivery, machine or Mock(spec=StateMachine), state_topic="runs"
    )
    return Dependencies(
        settings=settings,
        models={name: _configured(name, model) for name, model in described.items()},
        connectors=connectors or {},
        sources=sources or {},
        syncs=syncs or Syncs(harness.delivery.assignments, nothing_read),
        embedder=Embedder(),
        stores=Stores({"default": Store()}, {}),
        parser=DocumentParser(settings.retrieval.parsing),
        files=FileReader({}, settings.topics),
        response_cache=ResponseCache(MemoryCache(1_000_000)),
        residency=Residency(settings),
        webhooks=WebhookSender(settings.webhooks),
        measures=HealthRecorder("here"),
        metrics=Measured(),
        tracer=Tracer(),
        delivery=harness.delivery,
        processor=processor,
        cancelled_runs=CancelledRuns(),
    )


def scripted(
    *,
    attempts: int = 1,
    price: Mapping[str, float] | None = None,
    batch: Mapping[str, float] | None = None,
    **script: Any,
) -> ModelSettings:
    """Return the settings of a scripted model."""
    settings = {"provider": "scripted", "options": script, "attempts": attempts, "sampling": {"max_tokens": 50}}
    return ModelSettings.model_validate({**settings, "price": price, "batch": batch or {}})


def _configured(name: str, settings: ModelSettings) -> ConfiguredModel:
    price = Price.of(settings.price) if settings.price else None
    limiter = BoundedLimiter(Scripted.from_settings(name, settings), 1)
    batcher = Batcher(limiter, settings) if "batch" in limiter.model.features else None
    return ConfiguredModel(limiter, settings, price, batcher=batcher)


def received(
    event: Event, *, key: bytes | None = b"k", partition: int = 2, offset: int = 7, value: bytes | None = None
) -> Received[Any]:
    """Return an event as an agent gets it."""
    return Received(event, key, "cause", "correlation", None, "topic", partition, offset, 1_700_000_000.0, value=value)
