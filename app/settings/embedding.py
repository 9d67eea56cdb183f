"""The service that turns texts into vectors, if the embedder is hosted."""

from __future__ import annotations

from pydantic import Field

from app.settings.models import LimitSettings, PriceSettings
from app.settings.values import HeaderSecret, OneLine, Seconds, Section


class EmbeddingSettings(Section):
    """How a hosted embedder is called; the embedders in the worker need nothing of it."""

    base_url: OneLine | None = Field(
        default=None,
        description="the URL of the API, if not the provider's own",
        examples=["http://127.0.0.1:11434/v1"],
        repr=False,  # it may have a password in it
    )
    api_key: HeaderSecret | None = Field(
        default=None, description="where absent, the provider's environment variable", examples=["${OPENAI_API_KEY}"]
    )
    dimensions: int | None = Field(
        default=None,
        ge=1,
        le=16_384,
        description="numbers of a vector; of models whose own are known, others can be asked for, else it says the own",
        examples=[1536],
    )
    query_prefix: str = Field(default="", description="what a model wants before a query", examples=["query: "])
    passage_prefix: str = Field(default="", description="what it wants before all other texts", examples=["passage: "])
    timeout: Seconds = Field(default=30.0, description="for one attempt")
    attempts: int = Field(default=4, ge=1, le=20, description="including the first")
    max_concurrency: int = Field(default=8, ge=1, description="calls in flight per worker")
    limits: LimitSettings | None = Field(
        default=None, description="what this worker may use of the provider's", examples=[{"requests_per_minute": 500}]
    )
    price: PriceSettings | None = Field(
        default=None, description="for the records of spending", examples=[{"input": 0.02, "output": 0.0}]
    )
