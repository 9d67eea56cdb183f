"""The one place that chooses the parts a worker is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from app.connectors.registry import ConfiguredConnector
from app.connectors.registry import build_all as build_connectors
from app.models.base import Model
from app.models.registry import build as build_model
from app.retrieval.base import Embedder, Store
from app.retrieval.registry import build_embedder, build_store
from app.routing.base import Facts
from app.settings import ModelSettings, Settings
from app.telemetry.metrics import Metrics
from app.workflows.builtin import ask
from app.workflows.definitions import Definitions


@dataclass(frozen=True, slots=True)
class Components:
    """The parts that touch the outside, and the workflows."""

    models: Mapping[str, Model]
    embedder: Embedder
    store: Store
    connectors: Mapping[str, ConfiguredConnector]
    definitions: Definitions
    facts: Mapping[str, Facts]
    metrics: Metrics = field(default_factory=Metrics)

    async def warm(self) -> None:
        """Load what the first call would wait for.

        Raises:
            OrchestratorError: a part cannot be loaded.
        """
        await asyncio.gather(
            *(part.warm() for part in (self.embedder, *self.models.values()) if isinstance(part, Warm))
        )

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(model.close() for model in self.models.values()))
        await asyncio.gather(*(one.connector.close() for one in self.connectors.values()))
        await self.store.close()
        await self.embedder.close()


@runtime_checkable
class Warm(Protocol):
    """A part that loads something large; without this its first call does."""

    async def warm(self) -> None:
        """Load it."""
        ...


def components(settings: Settings, metrics: Metrics | None = None) -> Components:
    """Return the parts that the settings name; nothing is loaded or connected yet.

    Raises:
        ConfigurationError: a setting names a part that is not there, or lacks what the part needs.
        MissingDependency: a part needs a package that is not installed.
    """
    embedder = build_embedder(settings.retrieval)
    return Components(
        models={name: build_model(name, model) for name, model in settings.models.items()},
        embedder=embedder,
        store=build_store(settings.retrieval, embedder),
        connectors=build_connectors(settings.connectors, embedder),
        definitions=Definitions([ask(settings.ask)]),
        facts={name: _facts(model) for name, model in settings.models.items()},
        metrics=metrics or Metrics(),
    )


def _facts(model: ModelSettings) -> Facts:
    """Return what routing may know of a model."""
    return Facts(
        input_price=model.price.input if model.price else None,
        output_price=model.price.output if model.price else None,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        tags=frozenset(model.tags),
        region=model.region,
        tools=model.tools,
    )
