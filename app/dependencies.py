"""What the agents are given: the parts that `app.worker.components` chose, and the core that moves their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from app.caching.response_cache import ResponseCache
from app.connectors.registry import ConfiguredConnector
from app.delivery.core import Delivery
from app.delivery.kafka.file_reader import FileReader
from app.delivery.stateful_processor import StatefulProcessor
from app.models.base import Model
from app.models.batching.batcher import Batcher
from app.models.calling.cancelled_runs import CancelledRuns
from app.models.calling.hedging import HedgePolicy
from app.models.limits.limiter import Limiter
from app.prices.price import Price
from app.retrieval.base import Embedder
from app.retrieval.parsing.parser import DocumentParser
from app.retrieval.several import Stores
from app.routing.health_recorder import HealthRecorder
from app.security.residency import Residency
from app.settings import ModelSettings, Settings
from app.sources.registry import ConfiguredSource
from app.syncs.progress import Syncs
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracer
from app.webhooks.sender import WebhookSender
from app.workflows.run import RunState
from topics.base import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class ConfiguredModel:
    """A model with its settings, and the limiter through which all calls to it go.

    `price` is what it costs, if that is known, and `hedges` when a call is made twice, if ever. `batcher` has requests
    answered that may wait; a model without the feature `batch` has none.
    """

    limiter: Limiter
    settings: ModelSettings
    price: Price | None = None
    hedges: HedgePolicy | None = None
    batcher: Batcher | None = None

    @property
    def model(self) -> Model:
        """The component."""
        return self.limiter.model


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that an agent may use."""

    settings: Settings
    models: Mapping[str, ConfiguredModel]
    connectors: Mapping[str, ConfiguredConnector]
    sources: Mapping[str, ConfiguredSource]
    syncs: Syncs
    embedder: Embedder
    stores: Stores
    parser: DocumentParser
    files: FileReader
    response_cache: ResponseCache
    residency: Residency
    webhooks: WebhookSender
    measures: HealthRecorder
    metrics: Metrics
    tracer: Tracer
    delivery: Delivery
    processor: StatefulProcessor[RunState]
    cancelled_runs: CancelledRuns
