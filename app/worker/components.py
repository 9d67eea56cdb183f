"""The one place that chooses a worker's components."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from app.caching.base import Cache
from app.caching.registry import build as build_cache
from app.configuration import LiveSettings
from app.connectors.registry import ConfiguredConnector
from app.connectors.registry import build_all as build_connectors
from app.errors import ConfigurationError
from app.models.base import CountsTokens, Model
from app.models.pool import build as build_model
from app.prices import price_table
from app.prices.price import Price
from app.retrieval.base import Embedder
from app.retrieval.parsing.parser import DocumentParser
from app.retrieval.registry import build_embedder, build_stores
from app.retrieval.several import Stores
from app.rotation import Live
from app.routing.base import ModelProfile
from app.settings import (
    CacheSettings,
    ConnectorSettings,
    ModelSettings,
    RetrievalSettings,
    Settings,
    SourceSettings,
)
from app.sources.registry import ConfiguredSource
from app.sources.registry import build_all as build_sources
from app.telemetry.metrics import Metrics
from app.webhooks.sender import WebhookSender
from app.workflows.checks import Names, check
from app.workflows.definition.builtin import ask, workflows
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow


@dataclass(frozen=True, slots=True)
class Components:
    """The components that talk to the outside, the workflows, and what is known of the models."""

    models: Mapping[str, Model]
    embedder: Embedder
    stores: Stores
    parser: DocumentParser
    connectors: Mapping[str, ConfiguredConnector]
    sources: Mapping[str, ConfiguredSource]
    definitions: Definitions
    profiles: Mapping[str, ModelProfile]
    cache: Cache
    webhooks: WebhookSender
    metrics: Metrics = field(default_factory=Metrics)
    prices: Mapping[str, Price] = field(default_factory=dict)

    async def warm(self) -> None:
        """Load what the first call would wait for.

        Raises:
            OrchestratorError: a component cannot be loaded.
        """
        await asyncio.gather(*(one.warm() for one in (self.embedder, *self.models.values()) if isinstance(one, Warm)))

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(model.close() for model in self.models.values()))
        await asyncio.gather(*(one.connector.close() for one in self.connectors.values()))
        await self.stores.close()
        await self.parser.close()
        await self.embedder.close()
        await self.cache.close()
        await self.webhooks.close()


@runtime_checkable
class Warm(Protocol):
    """A component that loads something large; without this, its first call would."""

    async def warm(self) -> None:
        """Load it."""
        ...


def components(settings: Settings, metrics: Metrics | None = None, live: LiveSettings | None = None) -> Components:
    """Return the components that the settings name; nothing is loaded or connected yet.

    Those whose settings refer to secrets that may change follow the `live` ones.

    Raises:
        ConfigurationError: a setting names a component that does not exist, or lacks what the component needs.
        MissingDependency: a component needs a package that is not installed.
    """
    metrics = metrics or Metrics()
    live_retrieval = live.part(_retrieval) if live and live.refers("retrieval") else None
    embedder = build_embedder(settings.retrieval, metrics, live_retrieval)
    prices = _prices(settings)
    models = _models(settings, live)
    counters = {name: model for name, model in models.items() if isinstance(model, CountsTokens)}
    return Components(
        models=models,
        embedder=embedder,
        stores=build_stores(settings.retrieval, embedder),
        parser=DocumentParser(settings.retrieval.parsing),
        connectors=build_connectors(settings.connectors, embedder, counters, _live_connectors(settings, live)),
        sources=build_sources(settings.sources, _live_sources(settings, live)),
        definitions=Definitions(_built_in(settings)),
        profiles={name: _profile(model, prices.get(name)) for name, model in settings.models.items()},
        cache=build_cache(
            settings.cache, settings.app_id, live.part(_cache) if live and live.refers("cache") else None
        ),
        webhooks=WebhookSender(settings.webhooks),
        metrics=metrics,
        prices=prices,
    )


def _built_in(settings: Settings) -> list[Workflow]:
    """Return the built-in workflows, with the prompts of the settings checked as those of files are."""
    wrong = [
        f"ask.{found.key[-1]}: {found.text}"
        for found in check(ask(settings.ask), Names.of(settings))
        if not found.warning and found.key[-1] in {"prompt", "system"}
    ]
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return workflows(settings)


def _cache(settings: Settings) -> CacheSettings:
    return settings.cache


def _retrieval(settings: Settings) -> RetrievalSettings:
    return settings.retrieval


def _live_connectors(settings: Settings, live: LiveSettings | None) -> Mapping[str, Live[ConnectorSettings]]:
    if live is None:
        return {}
    following = (name for name in settings.connectors if live.refers("connectors", name))
    return {name: _live_connector(name, live) for name in following}


def _live_connector(name: str, live: LiveSettings) -> Live[ConnectorSettings]:
    return live.part(lambda found: found.connectors[name])


def _live_sources(settings: Settings, live: LiveSettings | None) -> Mapping[str, Live[SourceSettings]]:
    if live is None:
        return {}
    return {name: _live_source(name, live) for name in settings.sources if live.refers("sources", name)}


def _live_source(name: str, live: LiveSettings) -> Live[SourceSettings]:
    return live.part(lambda found: found.sources[name])


def _live_model(name: str, live: LiveSettings | None) -> Live[ModelSettings] | None:
    if live is None or not live.refers("models", name):
        return None
    return live.part(lambda found: found.models[name])


def _models(settings: Settings, live: LiveSettings | None) -> Mapping[str, Model]:
    """Return the models by name; the error names all that cannot be built."""
    built: dict[str, Model] = {}
    wrong: list[str] = []
    for name, model in settings.models.items():
        try:
            built[name] = build_model(name, model, _live_model(name, live))
        except ConfigurationError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return built


def _prices(settings: Settings) -> Mapping[str, Price]:
    """Return the prices of the models, where they are known."""
    known = price_table.load(settings.prices)
    return {name: price for name, model in settings.models.items() if (price := known.of(model))}


def _profile(model: ModelSettings, price: Price | None) -> ModelProfile:
    """Return what the routing may know of a model."""
    return ModelProfile(
        input_price=price.input if price else None,
        output_price=price.output if price else None,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        tags=frozenset(model.tags),
        region=model.region,
        tools=model.tools,
    )
