"""What workflows ask beside models, the workflows that are built in, and what they may spend."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from app.settings.values import Inconsistent, Seconds, Section


class CacheSettings(Section):
    """The response cache of steps with `cache`."""

    store: str = Field(
        default="memory",
        description="memory: one cache for each worker; redis: one for all workers; or one of an installed package",
    )
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=0, description="of memory, in each worker")
    url: SecretStr | None = Field(default=None, description="for redis", examples=["redis://127.0.0.1:6379/0"])
    region: str | None = Field(default=None, description="where it is, for data residency", examples=["eu"])

    @model_validator(mode="after")
    def _address(self) -> CacheSettings:
        if self.store == "redis" and self.url is None:
            raise Inconsistent("`redis` needs url, as in url: redis://127.0.0.1:6379/0", "store")
        return self


class ConnectorSettings(Section):
    """One connector that workflows can name: a data source, an HTTP service, or a function of an installed package."""

    kind: str = Field(default="http", description="http, sql, object, queue, mcp, or one from an entry point")
    url: str | None = Field(
        default=None,
        description="for http: where requests go; for the others: what they ask",
        examples=["https://tickets.example.com/api"],
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="for http: sent with every request", examples=[{"authorization": "${TOKEN}"}]
    )
    timeout: Seconds = Field(default=30.0, description="for one request")
    max_concurrency: int = Field(default=64, ge=1, description="requests in flight per worker")
    region: str | None = Field(default=None, description="where it leads, for data residency", examples=["eu"])
    options: dict[str, Any] = Field(default_factory=dict, description="further options of this kind")


class AskSettings(Section):
    """What the built-in workflow `ask` does."""

    models: tuple[str, ...] = Field(
        default=("local",), min_length=1, description="names from `models`, asked at once; where absent, all of them"
    )
    strategy: Literal["first", "vote", "consensus"] = Field(
        default="consensus",
        description="how several answers are fused: a strategy that needs no options, such as first or vote",
    )
    quorum: int = Field(default=1, ge=1, description="with fewer answers the step fails")
    chunks: int = Field(default=4, ge=1, le=50, description="retrieved chunks in the prompt")
    deadline: Seconds = Field(default=120.0, description="a run ends after this, with what it has")
    retrieve: bool = Field(default=True, description="look the question up in the documents first")
    system: str | None = Field(
        default=None,
        min_length=1,
        description="what the models are told first, in place of what the built-in workflow says",
        examples=["You answer in one sentence, from the text that you are given."],
    )
    prompt: str | None = Field(
        default=None,
        min_length=1,
        description="the template of what they are asked, in place of the built-in one; small models want a plain one",
        examples=["{{ steps.retrieve.chunks[0].text }}\n\nQuestion: {{ input.question }}"],
    )
    stream: bool = Field(
        default=False,
        description="stream answers to result-chunks; then one model is asked at a time, the others when it fails",
    )

    @model_validator(mode="after")
    def _streams(self) -> AskSettings:
        if self.stream and (self.quorum > 1 or (self.strategy != "first" and len(set(self.models)) > 1)):
            wanted = "with several models, set `strategy: first` and `quorum: 1`"
            raise Inconsistent(f"only one answer can be streamed; {wanted}", "stream")
        return self


class PanelSettings(Section):
    """Several models that are asked together by one name, and how their answers become one."""

    models: tuple[str, ...] = Field(min_length=2, description="names from `models`", examples=[["small", "large"]])
    strategy: str = Field(default="consensus", description="a fusion strategy: docs/fusion.md has all")
    quorum: int = Field(default=1, ge=1, description="with fewer answers it fails")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the strategy")


class BudgetSettings(Section):
    """How much may be spent in each period: by all runs, by one tenant or workflow, or by each of them (`*`)."""

    name: str = Field(pattern=r"^[a-zA-Z0-9._-]+$", max_length=100, description="its name in errors and listings")
    tenant: str | None = Field(
        default=None,
        description="the tenant whose runs it limits; `*`: each tenant has a budget of its own",
        examples=["acme"],
    )
    workflow: str | None = Field(
        default=None,
        description="the workflow whose runs it limits; `*`: each workflow has a budget of its own",
        examples=["ask"],
    )
    limit: float = Field(gt=0, allow_inf_nan=False, description="US dollars in each period")
    period: Seconds = Field(default=30 * 86400.0, ge=1, description="counted in UTC, from 1970-01-01 on")
    when_exceeded: Literal["refuse", "degrade", "queue"] = Field(
        default="refuse", description="refuse further runs, let them use cheaper models only, or let them wait"
    )
    degrade_to: tuple[str, ...] = Field(
        default=(), description="for degrade: the models that may still be used", examples=[["local"]]
    )
    reserve: float = Field(
        default=0.01,
        gt=0,
        allow_inf_nan=False,
        description="US dollars reserved for a run, until runs of its workflow have shown what they cost",
    )

    @model_validator(mode="after")
    def _sound(self) -> BudgetSettings:
        if self.when_exceeded == "degrade" and not self.degrade_to:
            raise Inconsistent("`degrade` needs degrade_to, the models that may still be used", "when_exceeded")
        if self.reserve > self.limit:
            raise Inconsistent(f"{self.reserve:g} is more than the limit, so no run could begin", "reserve")
        return self
