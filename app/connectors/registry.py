"""The configured and the built-in connectors, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any

from app.connectors.base import Connector, Embedder, TokenCounter
from app.connectors.count_tokens import CountTokensConnector
from app.connectors.embed import EmbedConnector
from app.connectors.function import FunctionConnector
from app.connectors.rotating import RotatingConnector
from app.connectors.similarity import SimilarityConnector
from app.entry_points import named
from app.errors import ConfigurationError
from app.rotation import Live
from app.settings import ConnectorSettings
from app.suggestions import did_you_mean

GROUP = "meta_ai_orchestrator.connectors"

#: The kinds that settings can use, besides the entry points of the group.
KINDS: Mapping[str, str] = {
    "http": "app.connectors.http:HttpConnector",
    "mcp": "app.connectors.mcp:McpConnector",
    "object": "app.connectors.object:ObjectConnector",
    "queue": "app.connectors.queue:QueueConnector",
    "sql": "app.connectors.sql:SqlConnector",
}

#: Connectors that need no settings, but the worker's embedder or models.
BUILT_IN: Mapping[str, Callable[[Embedder, Mapping[str, TokenCounter]], Connector]] = {
    "count_tokens": lambda _, counters: CountTokensConnector(counters),
    "embed": lambda embedder, _: EmbedConnector(embedder),
    "similarity": lambda embedder, _: SimilarityConnector(embedder),
}


@dataclass(frozen=True, slots=True)
class ConfiguredConnector:
    """A connector with its settings; `slots` bounds its concurrent requests."""

    connector: Connector
    settings: ConnectorSettings
    slots: asyncio.Semaphore = field(repr=False)


def build_all(
    settings: Mapping[str, ConnectorSettings],
    embedder: Embedder,
    counters: Mapping[str, TokenCounter],
    live: Mapping[str, Live[ConnectorSettings]] | None = None,
) -> dict[str, ConfiguredConnector]:
    """Return every connector that workflows can use: those of the settings, and the built-in ones.

    Those with `live` settings, whose secrets may change, change with them.

    Raises:
        ConfigurationError: a name is that of a built-in connector, or as `build`.
        MissingDependency: a connector needs a package that is not installed.
    """
    if taken := sorted(settings.keys() & BUILT_IN.keys()):
        raise ConfigurationError(f"connectors.{taken[0]}: the name is taken by a built-in connector; choose another")
    made = {
        name: _configured(make(embedder, counters), ConnectorSettings(kind=name)) for name, make in BUILT_IN.items()
    }
    return made | {name: _configured(_build(name, one, (live or {}).get(name)), one) for name, one in settings.items()}


def _build(name: str, settings: ConnectorSettings, live: Live[ConnectorSettings] | None) -> Connector:
    return build(name, settings) if live is None else RotatingConnector(name, live, partial(build, name))


def build(name: str, settings: ConnectorSettings) -> Connector:
    """Return the connector that the configuration calls `name`; nothing is connected yet.

    An entry point of the group refers to a class with `from_settings(name, settings)`, or to a plain or async function
    whose keywords are the arguments.

    Raises:
        ConfigurationError: the kind is unknown or cannot be imported, or the settings are invalid for it.
        MissingDependency: it needs a package that is not installed.
    """
    known = named(KINDS, GROUP)
    if settings.kind not in known:
        raise ConfigurationError(
            f"connectors.{name}.kind: unknown kind {settings.kind!r} (packages add kinds as entry points of {GROUP}); "
            f"{did_you_mean(settings.kind, known)}"
        )
    found = _load(name, known[settings.kind])
    if hasattr(found, "from_settings"):
        made: Connector = found.from_settings(name, settings)
        return made
    return FunctionConnector.from_settings(name, settings, found)


def _configured(connector: Connector, settings: ConnectorSettings) -> ConfiguredConnector:
    return ConfiguredConnector(connector, settings, asyncio.Semaphore(settings.max_concurrency))


def _load(name: str, point: EntryPoint) -> Any:
    try:
        found = point.load()
    except (ImportError, AttributeError) as problem:
        raise ConfigurationError(
            f"connectors.{name}.kind: {point.name} ({point.value}) cannot be loaded: {problem}"
        ) from problem
    if not callable(found):
        raise ConfigurationError(
            f"connectors.{name}.kind: {point.name} ({point.value}) is neither a function nor a class"
        )
    return found
