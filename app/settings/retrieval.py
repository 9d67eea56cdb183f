"""How documents are cut, embedded and indexed, and where they are searched."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from app.settings.embedding import EmbeddingSettings
from app.settings.parsing import ParsingSettings
from app.settings.values import Inconsistent, Seconds, Section


class RetrievalSettings(Section):
    """Where documents are indexed."""

    store: str = Field(default="memory", description="the component that holds and finds chunks")
    endpoint: str | None = Field(
        default=None, description="URL of an external vector store", examples=["http://127.0.0.1:6333"]
    )
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

    @model_validator(mode="after")
    def _overlap_within_chunk(self) -> RetrievalSettings:
        if self.chunk_overlap >= self.chunk_tokens:
            message = f"must be smaller than chunk_tokens, which is {self.chunk_tokens}"
            raise Inconsistent(message, "chunk_overlap")
        return self
