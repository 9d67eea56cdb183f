"""Stores and embedders by the names that the settings give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.components import named
from app.errors import ConfigurationError
from app.retrieval.base import Embedder, Store
from app.settings import RetrievalSettings

STORES: Mapping[str, str] = {"memory": "app.retrieval.memory:MemoryStore"}
EMBEDDERS: Mapping[str, str] = {
    "hashing": "app.retrieval.hashing:Hashing",
    "minilm": "app.retrieval.minilm:MiniLM",
}
STORE_GROUP = "meta_ai_orchestrator.stores"
EMBEDDER_GROUP = "meta_ai_orchestrator.embedders"


def build_embedder(settings: RetrievalSettings) -> Embedder:
    """Return the embedder that `settings.embedder` names, made by its `from_settings(settings)`.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be imported.
    """
    component = _component("embedder", settings.embedder, EMBEDDERS, EMBEDDER_GROUP)
    embedder: Embedder = component.from_settings(settings)
    return embedder


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
