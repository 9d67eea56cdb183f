"""How documents are cut, embedded and indexed, and where they are searched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from app.settings.embedding import EmbeddingSettings
from app.settings.parsing import ParsingSettings
from app.settings.values import Inconsistent, Seconds, Section

#: The name of the store of `retrieval.store`, unless that is the name of one of `retrieval.stores`.
DEFAULT_STORE = "default"
_STORE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class StoreSettings(Section):
    """One store that workflows can name: a database, or an index in each worker."""

    kind: str = Field(default="memory", description="the component: memory, pgvector, qdrant, or another")
    endpoint: str | None = Field(
        default=None,
        description="where it is, in the form that its kind wants",
        examples=["postgresql://meta_ai@127.0.0.1:5432/meta_ai"],
    )
    api_key: SecretStr | None = Field(
        default=None, description="its key, or the password of a database", examples=["${STORE_KEY}"]
    )
    path: Path | None = Field(
        default=None, description="for memory: the file in which it persists its index", examples=[".meta-ai/wiki"]
    )
    region: str | None = Field(default=None, description="where it is, for data residency", examples=["eu"])
    timeout: Seconds = Field(default=10.0, description="for one search or one write")
    options: dict[str, Any] = Field(
        default_factory=dict, description="further options of this kind", examples=[{"index": "docs", "m": 32}]
    )


class RetrievalSettings(Section):
    """Where documents are indexed."""

    store: str = Field(
        default="memory",
        description="the store that is searched where a step names none: one of `stores`, or a component",
    )
    stores: dict[str, StoreSettings] = Field(
        default_factory=dict,
        description="stores that workflows can name, by that name",
    )
    endpoint: str | None = Field(
        default=None, description="where the store is, if it is a database", examples=["http://127.0.0.1:6333"]
    )
    api_key: SecretStr | None = Field(
        default=None, description="the key of the store, or the password of a database", examples=["${STORE_KEY}"]
    )
    timeout: Seconds = Field(default=10.0, description="for one search of the store, or one write")
    options: dict[str, Any] = Field(default_factory=dict, description="further options of the store")
    path: Path | None = Field(
        default=None,
        description="file in which the memory store persists its index",
        examples=[".meta-ai/index"],
    )
    region: str | None = Field(default=None, description="where the store is, for data residency", examples=["eu"])
    embedder: str = Field(
        default="minilm",
        description="the component that turns texts into vectors, or a provider and its model, as in openai/MODEL",
    )
    embedder_region: str | None = Field(
        default=None, description="where the embedder runs, for data residency", examples=["eu"]
    )
    batch_size: int | None = Field(
        default=None,
        ge=1,
        description="texts in one call of the embedder, collected from all callers while other calls run; 1: every "
        "caller has its own calls; where absent, what suits the embedder",
        examples=[32],
    )
    batch_calls: int | None = Field(
        default=None,
        ge=1,
        description="concurrent calls of the embedder; further texts are collected; where absent, what suits it",
        examples=[4],
    )
    batch_wait: Seconds | None = Field(
        default=None,
        le=1,
        description="how long a call waits for further texts, even if no other runs; where absent, not at all",
        examples=["20ms"],
    )
    chunk_tokens: int = Field(default=180, ge=20, le=2000, description="upper bound of a chunk, in words")
    chunk_overlap: int = Field(default=20, ge=0, le=500, description="words that neighbouring chunks share")
    embedding: EmbeddingSettings = Field(default=EmbeddingSettings(), description="of a hosted embedder")
    parsing: ParsingSettings = Field(default=ParsingSettings(), description="how documents are read")

    fusion: Literal["convex", "reciprocal-rank"] = Field(
        default="convex",
        description="how the memory store combines the rankings by meaning and by words: of their scores, or of ranks",
    )
    vector_weight: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="for convex: what meaning counts, words the rest; `meta-ai eval retrieval PATH --fit` fits it",
    )

    #: The name of the store that these settings are for.
    _name: str = PrivateAttr(default=DEFAULT_STORE)

    @property
    def name(self) -> str:
        """The name of the store that these settings are for: in the whole section, of the one that is the default."""
        return self.store if self.store in self.stores else self._name

    @property
    def where(self) -> str:
        """The beginning of the keys that say how that store is, for errors."""
        return "retrieval." if self._name == DEFAULT_STORE else f"retrieval.stores.{self._name}."

    def each_store(self) -> dict[str, RetrievalSettings]:
        """Return for each store, by its name, this section as if that were the only one; the default one is first.

        `endpoint` of the section, which the environment may set, is that of the default store.
        """
        found = {} if self.store in self.stores else {DEFAULT_STORE: self.model_copy(update={"stores": {}})}
        ordered = sorted(self.stores, key=lambda name: name != self.store)
        for name in ordered:
            chosen = self.stores[name]
            fields = {field: value for field, value in chosen if field != "kind"}
            if name == self.store and self.endpoint is not None:
                fields["endpoint"] = self.endpoint
            found[name] = self.model_copy(update={**fields, "store": chosen.kind, "stores": {}})
            found[name]._name = name  # noqa: SLF001  # its own class
        return found

    @model_validator(mode="after")
    def _default_is_named_once(self) -> RetrievalSettings:
        if DEFAULT_STORE in self.stores and self.store != DEFAULT_STORE:
            raise Inconsistent(
                f"`{DEFAULT_STORE}` is the store that `store` says: give this one another name", "stores"
            )
        for name in self.stores:
            if not _STORE_NAME.fullmatch(name):
                raise Inconsistent(f"{name[:40]!r} is no name of a store: give up to 40 of a-z, 0-9, _ and -", "stores")
        return self

    @model_validator(mode="after")
    def _overlap_within_chunk(self) -> RetrievalSettings:
        if self.chunk_overlap >= self.chunk_tokens:
            message = f"must be smaller than chunk_tokens, which is {self.chunk_tokens}"
            raise Inconsistent(message, "chunk_overlap")
        return self
