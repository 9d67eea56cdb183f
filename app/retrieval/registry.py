"""Stores and embedders by the names that the settings give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.entry_points import named
from app.errors import ConfigurationError
from app.retrieval.base import Embedder, Store
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.settings import RetrievalSettings
from app.telemetry.metrics import Metrics

STORES: Mapping[str, str] = {"memory": "app.retrieval.memory:MemoryStore"}
EMBEDDERS: Mapping[str, str] = {
    "hashing": "app.retrieval.embedding.hashing:HashingEmbedder",
    "minilm": "app.retrieval.embedding.minilm:MiniLM",
}
STORE_GROUP = "meta_ai_orchestrator.stores"
EMBEDDER_GROUP = "meta_ai_orchestrator.embedders"

#: For an embedder that does not say what suits it: texts in one call, of which providers of batches take that many,
#: and calls under way at once, of which one that hangs must not hold up all.
BATCH_SIZE = 32
BATCH_CALLS = 4


def build_embedder(settings: RetrievalSettings, metrics: Metrics | None = None) -> Embedder:
    """Return the embedder that `settings.embedder` names, made by its `from_settings(settings)`.

    It is asked in batches, unless the settings or else the class's `batch_size` is 1.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be imported.
    """
    component = _component("embedder", settings.embedder, EMBEDDERS, EMBEDDER_GROUP)
    embedder: Embedder = component.from_settings(settings)
    size = settings.batch_size or getattr(component, "batch_size", None) or BATCH_SIZE
    if size == 1:
        return embedder
    calls = settings.batch_calls or getattr(component, "batch_calls", None) or BATCH_CALLS
    return BatchingEmbedder(embedder, size=size, calls=calls, wait=settings.batch_wait or 0.0, metrics=metrics)


def build_store(settings: RetrievalSettings, embedder: Embedder) -> Store:
    """Return the store that `settings.store` names, made by its `from_settings(settings, embedder)`.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be imported.
    """
    component = _component("store", settings.store, STORES, STORE_GROUP)
    store: Store = component.from_settings(settings, embedder)
    return store


def _component(key: str, name: str, table: Mapping[str, str], group: str) -> Any:
    """Return the class called `name`: one of ours, or one that an installed package announces in `group`."""
    known = named(table, group)
    if name not in known:
        raise ConfigurationError(f"retrieval.{key}: nothing is called {name}; there are {', '.join(sorted(known))}")
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"retrieval.{key}: {name} cannot be imported: {error}") from error
