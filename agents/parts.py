"""What the agents are given: the parts that `app.bootstrap` chose, and the core that moves their events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.answers import Answers
from app.connectors.registry import ConfiguredConnector
from app.delivery.core import Delivery
from app.delivery.deciding import Decider
from app.delivery.doing import Doer
from app.delivery.envelope import Outgoing, Received
from app.health_feed import Measures
from app.models.base import Model
from app.models.batching import Batcher
from app.models.gate import Gate
from app.models.hedging import Hedges
from app.prices.price import Price
from app.remaining import expired
from app.retrieval.base import Embedder, Store
from app.settings import ModelSettings, Settings
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracer
from app.workflows.run import RunState
from topics.base import Event, Topic

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class ConfiguredModel:
    """A model with its settings, and the gate through which all calls to it go.

    `price` is what it costs, if that is known, and `hedges` when a call is made twice, if ever. `batcher` has requests
    answered that may wait; a model without the feature `batch` has none.
    """

    gate: Gate
    settings: ModelSettings
    price: Price | None = None
    hedges: Hedges | None = None
    batcher: Batcher | None = None

    @property
    def model(self) -> Model:
        """The component."""
        return self.gate.model


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that an agent may use."""

    settings: Settings
    models: Mapping[str, ConfiguredModel]
    connectors: Mapping[str, ConfiguredConnector]
    embedder: Embedder
    store: Store
    answers: Answers
    measures: Measures
    metrics: Metrics
    tracer: Tracer
    delivery: Delivery
    decider: Decider[RunState]


async def answer_requests(  # noqa: PLR0913  # what tells one such agent from another
    stream: Any,
    parts: Parts,
    topic: Topic[E],
    handle: Callable[[Received[E], Parts], Awaitable[Sequence[Outgoing]]],
    *,
    agent: str,
    answer_id: Callable[[Received[E]], str],
    failed: Callable[[Received[E], Exception], Sequence[Outgoing]],
    kind: Callable[[E], str] | None = None,
    priority: Callable[[E], int] | None = None,
) -> None:
    """Process a topic whose requests are each answered once, and let go when nobody waits for the answer any more."""

    async def handler(received: Received[E]) -> Sequence[Outgoing]:
        return await handle(received, parts)

    doer = Doer(
        parts.delivery,
        topic,
        handler,
        agent=agent,
        identify=answer_id,
        answers=True,
        failed=failed,
        expired=expired,
        kind=kind,
        priority=priority,
    )
    await doer.run(stream)
