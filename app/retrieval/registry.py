"""The registry of stores and embedders, by the names in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from inspect import signature
from typing import Any

from app.entry_points import named
from app.errors import ConfigurationError
from app.retrieval.base import Embedder, SearchableStore
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.retrieval.several import Stores
from app.rotation import Live
from app.settings import RetrievalSettings
from app.suggestions import did_you_mean
from app.telemetry.metrics import Metrics

STORES: Mapping[str, str] = {
    "memory": "app.retrieval.memory:MemoryStore",
    "milvus": "app.retrieval.stores.milvus:MilvusStore",
    "pgvector": "app.retrieval.stores.pgvector:PgvectorStore",
    "pinecone": "app.retrieval.stores.pinecone:PineconeStore",
    "qdrant": "app.retrieval.stores.qdrant:QdrantStore",
    "weaviate": "app.retrieval.stores.weaviate:WeaviateStore",
}
EMBEDDERS: Mapping[str, str] = {
    "hashing": "app.retrieval.embedding.hashing:HashingEmbedder",
    "minilm": "app.retrieval.embedding.minilm:MiniLM",
}
#: What embeds with a provider's model, as in openai/text-embedding-3-small.
HOSTED = EntryPoint("hosted", "app.models.embedding.hosted:HostedEmbedder", "")
STORE_GROUP = "meta_ai_orchestrator.stores"
EMBEDDER_GROUP = "meta_ai_orchestrator.embedders"

#: Defaults for an embedder that does not set them: texts per call, which providers accept, and concurrent calls, so
#: that one that hangs does not block all.
BATCH_SIZE = 32
BATCH_CALLS = 4


def build_embedder(
    settings: RetrievalSettings, metrics: Metrics | None = None, live: Live[RetrievalSettings] | None = None
) -> Embedder:
    """Return the embedder that `settings.embedder` names, made by its `from_settings(settings)`.

    A hosted one follows the secrets of `live` settings. Its calls are batched, unless the settings, or else the class's
    `batch_size`, say 1.

    Raises:
        ConfigurationError: the name is unknown, or cannot be imported.
    """
    if "/" in settings.embedder:
        component = _loaded("embedder", HOSTED)
        embedder: Embedder = component.from_settings(settings, live)
    else:
        component = _component("embedder", settings.embedder, EMBEDDERS, EMBEDDER_GROUP)
        embedder = component.from_settings(settings)
    size = settings.batch_size or getattr(component, "batch_size", None) or BATCH_SIZE
    if size == 1:
        return embedder
    calls = settings.batch_calls or getattr(component, "batch_calls", None) or BATCH_CALLS
    return BatchingEmbedder(embedder, size=size, calls=calls, wait=settings.batch_wait or 0.0, metrics=metrics)


def build_stores(settings: RetrievalSettings, embedder: Embedder) -> Stores:
    """Return the stores that the settings name.

    Raises:
        ConfigurationError: one cannot be made; the error says which.
        MissingDependency: one needs a package that is not installed.
    """
    each = settings.each_store()
    stores = {name: build_store(chosen, embedder) for name, chosen in each.items()}
    return Stores(stores, {name: chosen.timeout for name, chosen in each.items()})


def build_store(settings: RetrievalSettings, embedder: Embedder) -> SearchableStore:
    """Return the store that `settings.store` names, made by its `from_settings(settings, embedder)`.

    Raises:
        ConfigurationError: the name is unknown, or cannot be imported, or it cannot keep tenants apart.
    """
    key = "store" if settings.where == "retrieval." else f"{settings.where.removeprefix('retrieval.')}kind"
    component = _component(key, settings.store, STORES, STORE_GROUP)
    store: SearchableStore = component.from_settings(settings, embedder)
    if "scope" not in signature(store.search).parameters:
        raise ConfigurationError(
            f"retrieval.{key}: {settings.store} is of an earlier release, and cannot keep tenants apart: "
            "its search takes no scope; update its package"
        )
    return store


def _component(key: str, name: str, table: Mapping[str, str], group: str) -> Any:
    """Return the class called `name`: a built-in one, or an entry point in `group`."""
    known = named(table, group)
    if name not in known:
        raise ConfigurationError(f"retrieval.{key}: unknown name {name}; {did_you_mean(name, known)}")
    return _loaded(key, known[name])


def _loaded(key: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"retrieval.{key}: {point.name} cannot be imported: {error}") from error
