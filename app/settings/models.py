"""Models: where they are, what they cost, and what they can take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WrapValidator

from app.settings.values import HeaderSecret, OneLine, Seconds, Section, p95_or_seconds


class PriceSettings(Section):
    """What a model costs, in US dollars per million tokens."""

    input: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="US dollars per million input tokens")
    output: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="US dollars per million output tokens")
    cached_input: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="per million cached input tokens; where absent, as `input`",
        examples=[0.025],
    )
    cache_write: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="per million input tokens that are written to the provider's cache; where absent, as `input`",
        examples=[0.3125],
    )
    reasoning: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="per million reasoning tokens; where absent, as `output`",
        examples=[2.0],
    )
    batch: float | None = Field(
        default=None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="the share of these prices that a batched answer costs; where absent, 1",
        examples=[0.5],
    )


class LimitSettings(Section):
    """What a provider allows for one key, in all workers together."""

    requests_per_minute: int | None = Field(default=None, ge=1, description="calls per minute", examples=[500])
    tokens_per_minute: int | None = Field(
        default=None, ge=1, description="input and output tokens per minute", examples=[200_000]
    )


class HedgeSettings(Section):
    """When a second attempt is made beside a first one that is slow; the faster of both counts."""

    after: Annotated[Literal["p95"] | Seconds, WrapValidator(p95_or_seconds)] = Field(
        default="p95", description="a duration, or p95: the 95th percentile of this model's recent calls"
    )
    at_most: float = Field(default=0.1, gt=0, le=1, description="the share of calls that may have a second attempt")


class BatchSettings(Section):
    """How requests of steps with `batch` are batched, and how often their answers are polled."""

    window: Seconds = Field(default=10.0, description="how long requests are collected for one batch")
    size: int = Field(default=1000, ge=1, le=50_000, description="a batch of this many requests is submitted at once")
    poll: Seconds = Field(default=300.0, description="how often a batch is polled, and a run polls for its answer")


class ModelSettings(Section):
    """One model that workflows can name."""

    provider: str = Field(
        description="local, openai, anthropic, gemini, ollama, … (docs/models.md has all), or one from an entry point"
    )
    model: OneLine | None = Field(default=None, description="the provider's name of the model", examples=["gpt-5-mini"])
    base_url: OneLine | None = Field(
        default=None,
        description="the URL of the API, if not the provider's own",
        examples=["http://127.0.0.1:11434/v1"],
        repr=False,  # it may have a password in it, as options may have keys in headers
    )
    api_key: HeaderSecret | None = Field(
        default=None,
        description="where absent, that of the provider in LLM_PROVIDER_CREDENTIALS",
        examples=["${OPENAI_API_KEY}"],
    )
    api_keys: tuple[HeaderSecret, ...] = Field(
        default=(),
        description="several keys in place of `api_key`, which share the calls",
        examples=[["${OPENAI_API_KEY}"]],
    )
    limits: LimitSettings | None = Field(
        default=None, description="what the provider allows for one key", examples=[{"requests_per_minute": 500}]
    )
    hedge: HedgeSettings | None = Field(
        default=None, description="a second attempt when the first is slow", examples=[{"after": "p95"}]
    )
    batch: BatchSettings = Field(default=BatchSettings(), description="for steps with `batch`")
    timeout: Seconds = Field(default=60.0, description="for one attempt")
    connect_timeout: Seconds = Field(default=5.0, description="until the provider accepts a connection")
    first_token_timeout: Seconds = Field(default=30.0, description="until a streamed answer begins")
    token_timeout: Seconds = Field(
        default=15.0, description="how long a streamed answer may pause before it is cut off"
    )
    total_timeout: Seconds = Field(
        default=180.0, description="for all attempts together, without the time spent waiting for a permit"
    )
    attempts: int = Field(default=3, ge=1, le=20, description="including the first")
    max_concurrency: int = Field(
        default=2048, ge=1, description="calls in flight per worker; never more than the model itself takes at once"
    )
    sampling: dict[str, Any] = Field(default_factory=dict, description="defaults: max_tokens, temperature, …")
    price: PriceSettings | None = Field(
        default=None,
        description="for routing by cost, and for the cost of results; where absent, that of the price table",
        examples=[{"input": 0.25, "output": 2.0}],
    )
    context_tokens: int | None = Field(default=None, ge=1, description="its context window", examples=[128_000])
    max_output_tokens: int | None = Field(default=None, ge=1, description="its longest answer", examples=[16_384])
    tags: tuple[str, ...] = Field(default=(), description="what it is good for, for routing", examples=[["code"]])
    region: str | None = Field(default=None, description="where it runs, for data residency", examples=["eu"])
    tools: bool = Field(default=False, description="whether it supports tool calls")
    options: dict[str, Any] = Field(default_factory=dict, description="further options of this provider", repr=False)
