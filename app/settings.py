"""Every setting, in one frozen object; `app.configuration` reads it from a file and the environment.

The descriptions and examples are what `app.configuration.template` and the JSON schema show.
"""

from __future__ import annotations

import string
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from app.durations import EXAMPLES, parse_duration
from app.suggestions import did_you_mean
from topics import ALL


def _seconds(value: object) -> object:
    """Read a duration as seconds; a number is seconds already."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError(f"give {EXAMPLES}")  # noqa: TRY004  # pydantic turns it into a finding
    return parse_duration(value)


def _p95_or_seconds(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """Report in one line what is allowed here, not what is wrong with each alternative."""
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(f"give p95, or {EXAMPLES}") from None


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_DURATION = BeforeValidator(_seconds, json_schema_input_type=float | str)
Seconds = Annotated[float, _DURATION, Field(gt=0, allow_inf_nan=False)]
#: A duration that may be 0.
Delay = Annotated[float, _DURATION, Field(ge=0, allow_inf_nan=False)]


def _one_line(value: str) -> str:
    """Return a text without white space and byte order marks around it.

    Raises:
        ValueError: it has several lines; the message does not repeat it.
    """
    value = value.strip("\ufeff\u200b" + string.whitespace)
    if not value.isprintable():
        raise ValueError("has a line end or another control character in it: give one line")
    return value


#: An address, or a name that is sent.
OneLine = Annotated[str, AfterValidator(_one_line)]


def header_secret(value: str) -> str:
    """Return a key or a header's value without white space and byte order marks around it, which files leave there.

    Raises:
        ValueError: no HTTP header can carry it; the message does not repeat it.
    """
    value = _one_line(value)
    if not value.isascii():
        raise ValueError("has a character that is not ASCII, which no HTTP header can carry: copy it again")
    return value


def _secret(value: SecretStr) -> SecretStr:
    return SecretStr(header_secret(value.get_secret_value()))


#: A key of a model, or a header that it is sent.
HeaderSecret = Annotated[SecretStr, AfterValidator(_secret)]


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("give a network, as in 10.1.0.0/16 or fd00::/8") from None


#: Addresses, in CIDR notation.
Network = Annotated[str, AfterValidator(_network)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Inconsistent(ValueError):
    """Settings that do not fit together; `key` is the path from the section that found it to the wrong key."""

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


def _credentials(options: dict[str, Any]) -> Iterator[str]:
    """Yield what may be credentials in options; the component validates them later."""
    headers = options.get("headers")
    if isinstance(headers, dict):
        yield from (text for text in headers.values() if isinstance(text, str))


def _passwords(address: str) -> Iterator[str]:
    """Yield the password in a URL, as it is written and decoded."""
    with suppress(ValueError):  # it is not a URL
        if password := urlsplit(address).password:
            yield from {password, unquote(password)}


def _several(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, tuple) else (value,)


class Section(BaseModel):
    """The base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def secrets(self) -> Iterator[str]:
        """Yield every secret in it, for the redaction of logs."""
        for name, value in self:
            if name == "options":
                yield from _credentials(value)
                continue
            for one in _several(value):
                if isinstance(one, SecretStr):
                    yield one.get_secret_value()
                elif isinstance(one, Section):
                    yield from one.secrets()
                elif isinstance(one, str) and "://" in one:
                    yield from _passwords(one)


class BrokerSecurity(Section):
    """How to log in to a cluster; passed through to the Kafka client."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="SSL encrypts, SASL logs in"
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="how SASL logs in", examples=["SCRAM-SHA-512"]
    )
    username: str | None = Field(default=None, description="for SASL", examples=["orchestrator"])
    password: SecretStr | None = Field(default=None, description="for SASL", examples=["${KAFKA_PASSWORD}"])
    ca_file: Path | None = Field(default=None, description="certificates to trust, PEM", examples=["/etc/kafka/ca.pem"])
    cert_file: Path | None = Field(default=None, description="our certificate, PEM", examples=["/etc/kafka/cert.pem"])
    key_file: Path | None = Field(default=None, description="its private key, PEM", examples=["/etc/kafka/key.pem"])

    @model_validator(mode="after")
    def _complete(self) -> BrokerSecurity:
        if self.protocol.startswith("SASL") and not (self.mechanism and self.username and self.password):
            raise Inconsistent(f"{self.protocol} needs mechanism, username and password", "protocol")
        return self


class BrokerSettings(Section):
    """Which broker carries the events."""

    kind: Literal["embedded", "kafka", "cluster"] = Field(
        default="embedded",
        description="embedded (memory only), kafka (Apache Kafka on this machine, durable) or cluster",
    )
    bootstrap_servers: str | None = Field(
        default=None,
        description="host:port, comma separated; for `cluster`",
        examples=["kafka-1:9092,kafka-2:9092"],
    )
    port: int = Field(default=0, ge=0, le=65535, description="port of the embedded or local broker; 0 picks one")
    data_dir: Path = Field(default=Path(".meta-ai/kafka"), description="where the local Kafka keeps its log")
    security: BrokerSecurity = Field(default=BrokerSecurity(), description="how to log in to a cluster")
    session_timeout: Seconds = Field(default=6.0, description="a silent worker's partitions move after this")

    @model_validator(mode="after")
    def _servers(self) -> BrokerSettings:
        if self.kind == "cluster" and not self.bootstrap_servers:
            message = "kind `cluster` needs bootstrap_servers, as in bootstrap_servers: kafka-1:9092,kafka-2:9092"
            raise Inconsistent(message, "kind")
        return self


class TopicOverride(Section):
    """Settings of one topic; where absent, as for every topic."""

    retention: Seconds | None = Field(default=None, description="how long events are kept", examples=["30d"])
    compact: bool | None = Field(default=None, description="keep the last value of each key for ever", examples=[False])
    max_message_bytes: int | None = Field(
        default=None, ge=1024, description="largest message that the broker takes", examples=[1024 * 1024]
    )


class TopicSettings(Section):
    """How topics are named and created."""

    prefix: str = Field(
        default="", pattern=r"^[a-zA-Z0-9._-]*$", max_length=100, description="put before the name of every topic"
    )
    partitions: int = Field(default=8, ge=1, le=1000, description="the same for every topic: a run stays on one worker")
    replication: int = Field(default=1, ge=1, le=10, description="copies of each partition; 3 on a real cluster")
    retention: Seconds = Field(default=7 * 86400.0, description="how long events are kept")
    max_message_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="largest message that the broker takes"
    )
    overrides: dict[str, TopicOverride] = Field(
        default_factory=dict, description="settings of single topics, by name without prefix"
    )

    @property
    def max_request_bytes(self) -> int:
        """The largest request of a producer: a dead letter is larger than its original, by its headers."""
        return self.max_message_bytes + 2 * 1024 * 1024

    def max_bytes_of(self, topic: str) -> int:
        """Return the largest message of a topic, by its name without prefix."""
        override = self.overrides.get(topic)
        return (override and override.max_message_bytes) or self.max_message_bytes

    def retention_of(self, topic: str) -> float:
        """Return how many seconds events of a topic are kept, by its name without prefix."""
        override = self.overrides.get(topic)
        return (override and override.retention) or self.retention

    @model_validator(mode="after")
    def _known(self) -> TopicSettings:
        known = sorted(topic.name for topic in ALL)
        for name in self.overrides:
            if name not in known:
                raise Inconsistent(f"no topic is called {name}; {did_you_mean(name, known)}", "overrides", name)
        return self


class DeliverySettings(Section):
    """Acknowledgement, concurrency and retries."""

    max_event_bytes: int = Field(default=1024 * 1024, ge=1024, description="a larger event goes to dead letters")
    commit_interval: Seconds = Field(default=1.0, description="how often finished offsets are committed")
    retries: int = Field(default=3, ge=0, le=100, description="retries of a handler that failed transiently")
    backoff: Seconds = Field(default=0.2, description="first delay; doubles, with full jitter")
    max_backoff: Seconds = Field(default=10.0, description="the longest delay")
    shutdown_grace: Seconds = Field(
        default=10.0, description="how long a worker finishes events in flight after SIGTERM"
    )
    max_run: Seconds = Field(
        default=30 * 86400.0,
        description="the longest that any run may take; a workflow's own deadline is usually shorter",
    )
    remember: Seconds = Field(default=600.0, description="how long ended runs and sent answers are recognised")
    max_in_flight: int = Field(default=2048, ge=1, description="events in flight per agent and worker")
    poison_after: int = Field(
        default=3, ge=2, description="so many workers die while they process an event; then it goes to dead letters"
    )
    max_in_flight_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        description="bytes of the events in flight per agent and worker, as they lie on the topic; when there are as "
        "many, its topic is fetched no further",
    )


class CacheSettings(Section):
    """The response cache of steps with `cache`."""

    store: str = Field(
        default="memory",
        description="memory: one cache for each worker; redis: one for all workers; or one of an installed package",
    )
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=0, description="of memory, in each worker")
    url: SecretStr | None = Field(default=None, description="for redis", examples=["redis://127.0.0.1:6379/0"])

    @model_validator(mode="after")
    def _address(self) -> CacheSettings:
        if self.store == "redis" and self.url is None:
            raise Inconsistent("`redis` needs url, as in url: redis://127.0.0.1:6379/0", "store")
        return self


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

    after: Annotated[Literal["p95"] | Seconds, WrapValidator(_p95_or_seconds)] = Field(
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
    embedder: str = Field(default="minilm", description="the component that turns texts into vectors")
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

    @model_validator(mode="after")
    def _overlap_within_chunk(self) -> RetrievalSettings:
        if self.chunk_overlap >= self.chunk_tokens:
            message = f"must be smaller than chunk_tokens, which is {self.chunk_tokens}"
            raise Inconsistent(message, "chunk_overlap")
        return self


class ConnectorSettings(Section):
    """One connector that workflows can name: a data source, an HTTP service, or a function of an installed package."""

    kind: str = Field(default="http", description="http, or one from an entry point")
    url: str | None = Field(
        default=None, description="for http: where requests go", examples=["https://tickets.example.com/api"]
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="for http: sent with every request", examples=[{"authorization": "${TOKEN}"}]
    )
    timeout: Seconds = Field(default=30.0, description="for one request")
    max_concurrency: int = Field(default=64, ge=1, description="requests in flight per worker")
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


#: The addresses that only this machine can reach.
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class ServerSettings(Section):
    """Health and metrics over HTTP."""

    bind_address: str = Field(default="127.0.0.1", min_length=1, description="keep it local, or behind a proxy")
    port: int = Field(default=8088, ge=0, le=65535, description="0 picks one")


class OidcSettings(Section):
    """The issuer whose tokens are accepted beside API keys, and what their claims mean."""

    issuer: OneLine = Field(description="its address, as `iss` has it", examples=["https://login.example.com"])
    audience: OneLine = Field(description="who tokens must be for, as `aud` has it", examples=["meta-ai"])
    jwks_url: OneLine | None = Field(
        default=None,
        description="where its keys are; where absent, its openid-configuration says so",
        examples=["https://login.example.com/keys"],
    )
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"], ...
    ] = Field(default=("RS256", "ES256"), min_length=1, description="how tokens may be signed")
    clock_skew: Delay = Field(default=30.0, le=300, description="how far its clock and ours may differ")
    tenant: str = Field(
        description="an expression of `claims` that gives the tenant, or null for all of them",
        examples=["claims.tenant"],
    )
    roles: str = Field(description="an expression of `claims` that gives the roles", examples=["claims.roles"])
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="how often each subject may ask each gateway", examples=[600]
    )

    @model_validator(mode="after")
    def _safe(self) -> OidcSettings:
        for key, url in (("issuer", self.issuer), ("jwks_url", self.jwks_url or self.issuer)):
            if not is_safe_url(url):
                raise Inconsistent("must begin with https://, or with http:// and name this machine", key)
        return self


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can change what this URL returns: it is of HTTPS, or on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    local = parts.scheme == "http" and parts.hostname in {*_LOOPBACK, "localhost"}
    return bool(parts.hostname) and (parts.scheme == "https" or local)


class PolicySettings(Section):
    """A rule for tasks that are sent over the gateway; the first of them that matches decides."""

    name: str = Field(pattern=r"^[a-zA-Z0-9._-]+$", max_length=100, description="its name in errors")
    when: str = Field(
        description="an expression of `principal`, `task` and `workflow` that says whether it matches",
        examples=["task.priority != null && !('operator' in principal.roles)"],
    )
    effect: Literal["deny", "allow"] = Field(
        default="deny", description="what happens to a task that matches; `allow` ends the search"
    )
    reason: str = Field(default="", max_length=500, description="what the sender of a denied task is told")


class GatewaySecurity(Section):
    """Who may use the gateway, and for what."""

    enabled: bool | None = Field(
        default=None,
        description="ask for API keys; where absent, unless the gateway can be reached from this machine only",
        examples=[True],
    )
    roles: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="roles beside viewer, submitter, operator and admin, each with the actions that it allows",
        examples=[{"watcher": ["tasks:read", "runs:read"]}],
    )
    oidc: OidcSettings | None = Field(
        default=None,
        description="accept tokens of an OpenID Connect issuer, too",
        examples=[
            {
                "issuer": "https://login.example.com",
                "audience": "meta-ai",
                "tenant": "claims.tenant",
                "roles": "claims.roles",
            }
        ],
    )
    policies: tuple[PolicySettings, ...] = Field(
        default=(),
        description="rules beside the roles, for the tasks that are sent; asked in this order",
        examples=[
            [
                {
                    "name": "no-priority",
                    "when": "task.priority != null && !('operator' in principal.roles)",
                    "reason": "only operators may set a priority",
                }
            ]
        ],
    )
    failures_per_minute: int = Field(
        default=30, ge=1, description="wrong credentials that an address may send; then it has to wait"
    )


class GatewayTls(Section):
    """TLS of the gateway's server; changed files are taken up without a restart."""

    certificate: Path = Field(
        description="its certificate, then those between it and the authority, PEM", examples=["/run/tls/tls.crt"]
    )
    key: Path = Field(
        description="the certificate's private key, PEM, without a password", examples=["/run/tls/tls.key"]
    )
    client_ca: Path | None = Field(
        default=None,
        description="the authorities of clients, PEM: with it, a client must have a certificate of one of them",
        examples=["/run/tls/clients.crt"],
    )


def _origin(value: str) -> str:
    """Return the origin of web pages.

    Raises:
        ValueError: it is none.
    """
    try:
        parts = urlsplit(value)
        plain = parts.hostname and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    except ValueError:
        plain = False
    if not (plain and value.startswith(("https://", "http://")) and value == value.lower()):
        raise ValueError("give an origin such as https://app.example.com, in lower case and without a path")
    return value


class GatewayCors(Section):
    """Which web pages may use the gateway from browsers."""

    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        default=(), description="the origins of these pages; none: only pages of the gateway's own hosts"
    )


class GatewaySettings(Section):
    """The HTTP API: tasks in, results out."""

    enabled: bool = Field(default=True, description="serve it beside the worker of `meta-ai orchestrator run`")
    bind_address: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="127.0.0.1 or ::1 for this machine; any other address only with `security`",
    )
    port: int = Field(default=8089, ge=0, le=65535, description="0 picks one")
    max_file_bytes: int = Field(default=200 * 1024 * 1024, ge=1024, description="the largest file that may be uploaded")
    max_lag: int = Field(
        default=10_000, ge=1, description="while so many tasks wait for a worker, no further one is accepted"
    )
    tls: GatewayTls | None = Field(
        default=None,
        description="serve HTTPS",
        examples=[{"certificate": "/run/tls/tls.crt", "key": "/run/tls/tls.key"}],
    )
    plain_http: bool = Field(
        default=False, description="serve HTTP without TLS to other machines: only behind a proxy that has TLS"
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="names by which it is reached, besides localhost: others are refused"
    )
    cors: GatewayCors = Field(default=GatewayCors(), description="which web pages may use it from browsers")
    max_connections: int = Field(default=1000, ge=1, description="open connections; further ones are closed")
    security: GatewaySecurity = Field(
        default=GatewaySecurity(), description="who may use it; off where only this machine can reach it, unless set"
    )

    @property
    def scheme(self) -> str:
        """How its addresses begin."""
        return "https" if self.tls else "http"

    @property
    def secured(self) -> bool:
        """Whether it asks for credentials."""
        return self.bind_address not in _LOOPBACK if self.security.enabled is None else self.security.enabled

    @model_validator(mode="after")
    def _loopback(self) -> GatewaySettings:
        if self.bind_address not in _LOOPBACK and not self.secured:
            raise Inconsistent(
                f"{self.bind_address} can be reached from other machines, and without security anybody there could use "
                "the gateway; leave out security.enabled, or bind to 127.0.0.1 or ::1",
                "bind_address",
            )
        if self.bind_address not in _LOOPBACK and self.tls is None and not self.plain_http:
            raise Inconsistent(
                f"{self.bind_address} can be reached from other machines, which would send their keys unencrypted; set "
                "gateway.tls, or gateway.plain_http: true where a proxy in front has TLS",
                "bind_address",
            )
        return self


def _signing_key(value: SecretStr) -> SecretStr:
    """Return a key in the form of Standard Webhooks.

    Raises:
        ValueError: it has another form; the message does not repeat it.
    """
    text = value.get_secret_value().strip()
    try:
        size = len(b64decode(text.removeprefix("whsec_"), validate=True)) if text.startswith("whsec_") else 0
    except ValueError:
        size = 0
    if not 24 <= size <= 64:  # noqa: PLR2004  # as the specification has it
        raise ValueError("must be whsec_ and base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)")
    return SecretStr(text)


SigningKey = Annotated[SecretStr, AfterValidator(_signing_key)]


class WebhookEndpoint(Section):
    """A receiver that tasks can name; as you have chosen its URL, it may be anywhere, also in your own network."""

    url: OneLine = Field(
        pattern=r"^https?://", description="where requests go", examples=["https://crm.example.com/hook"], repr=False
    )
    signing_keys: tuple[SigningKey, ...] = Field(
        min_length=1, description="as above, for this receiver alone", examples=[["${CRM_SIGNING_KEY}"]]
    )
    tenant: str | None = Field(default=None, description="the only tenant whose tasks may name it", examples=["acme"])


class WebhookSettings(Section):
    """Who is told of tasks that have ended, and how."""

    signing_keys: tuple[SigningKey, ...] = Field(
        default=(),
        description="what sign requests to URLs that tasks name; without one, these are refused. The signatures of "
        "all are sent, so that receivers can change over from one to the next",
        examples=[["${WEBHOOK_SIGNING_KEY}"]],
    )
    endpoints: dict[str, WebhookEndpoint] = Field(
        default_factory=dict,
        description="receivers that tasks can name, by that name",
    )
    allow_http: bool = Field(default=False, description="call URLs that tasks name over http too, not only https")
    allow_networks: tuple[Network, ...] = Field(
        default=(),
        description="networks that URLs of tasks may lead to, though they are not public",
        examples=[["10.1.0.0/16"]],
    )
    timeout: Seconds = Field(default=15.0, description="for one attempt")
    first_retry: Seconds = Field(
        default=5.0, description="until the second attempt; each later delay is 4 times longer"
    )
    retry_for: Seconds = Field(default=86400.0, description="how long attempts are made; then it is a dead letter")


class SecretSourceSettings(Section):
    """References to secrets, such as `${file:/run/secrets/key}`."""

    refresh: Seconds = Field(
        default=30.0, description="how often they are read again, besides when a secret is refused"
    )


class AuditSettings(Section):
    """The hash chain over the audit."""

    key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="with it, nobody without it can forge the chain: 16 random characters or more",
        examples=["${AUDIT_KEY}"],
    )
    previous_keys: tuple[SecretStr, ...] = Field(
        default=(), description="earlier keys, by which older links are verified"
    )

    @property
    def secret(self) -> bytes:
        """The key as bytes; empty if there is none."""
        return self.key.get_secret_value().encode() if self.key else b""

    @property
    def secrets_to_verify(self) -> tuple[bytes, ...]:
        """All keys as bytes."""
        return tuple(one.get_secret_value().encode() for one in (self.key, *self.previous_keys) if one)


class TelemetrySettings(Section):
    """Logs, metrics, traces."""

    log_level: Annotated[LogLevel, BeforeValidator(_upper, json_schema_input_type=LogLevel)] = Field(
        default="WARNING", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="text for people, json for collectors")
    metrics: bool = Field(default=True, description="serve Prometheus metrics on /metrics")
    tracing: bool = Field(default=False, description="export spans; OTEL_EXPORTER_OTLP_* say where")


def _local() -> dict[str, ModelSettings]:
    return {"local": ModelSettings(provider="local")}


class Settings(Section):
    """The whole configuration."""

    app_id: str = Field(
        default="meta-ai", pattern=r"^[a-zA-Z0-9._-]+$", max_length=100, description="names the consumer group"
    )
    broker: BrokerSettings = Field(default=BrokerSettings(), description="which broker carries the events")
    topics: TopicSettings = Field(default=TopicSettings(), description="how topics are named and created")
    delivery: DeliverySettings = Field(
        default=DeliverySettings(), description="acknowledgement, concurrency and retries"
    )
    cache: CacheSettings = Field(default=CacheSettings(), description="the response cache of steps with `cache`")
    models: dict[str, ModelSettings] = Field(
        default_factory=_local, description="the models that workflows can name, by that name"
    )
    prices: Path | None = Field(
        default=None,
        description="a file of prices, which override the built-in ones",
        examples=["prices.yaml"],
    )
    retrieval: RetrievalSettings = Field(default=RetrievalSettings(), description="where documents are indexed")
    connectors: dict[str, ConnectorSettings] = Field(
        default_factory=dict, description="the connectors that workflows can name, by that name"
    )
    workflows: tuple[Path, ...] = Field(
        default=(), description="files, or folders of files, with workflows", examples=[["workflows"]]
    )
    ask: AskSettings = Field(default=AskSettings(), description="what the built-in workflow `ask` does")
    panels: dict[str, PanelSettings] = Field(
        default_factory=dict,
        description="panels of models that the gateway answers for, by that name",
        examples=[{"careful": {"models": ["small", "large"]}}],
    )
    budgets: tuple[BudgetSettings, ...] = Field(
        default=(),
        description="how much may be spent; a run asks every budget that applies for money, in this order",
        examples=[[{"name": "acme", "tenant": "acme", "limit": 50.0, "period": "30d"}]],
    )
    server: ServerSettings = Field(default=ServerSettings(), description="health and metrics over HTTP")
    gateway: GatewaySettings = Field(default=GatewaySettings(), description="the HTTP API: tasks in, results out")
    webhooks: WebhookSettings = Field(
        default=WebhookSettings(), description="who is told of tasks that have ended, and how"
    )
    secret_sources: SecretSourceSettings = Field(
        default=SecretSourceSettings(), description="references to secrets, such as ${file:/run/secrets/key}"
    )
    audit: AuditSettings = Field(default=AuditSettings(), description="the hash chain over the audit")
    telemetry: TelemetrySettings = Field(default=TelemetrySettings(), description="logs, metrics, traces")

    @model_validator(mode="before")
    @classmethod
    def _ask_all_models(cls, given: Any) -> Any:
        """Have the built-in workflow ask all models where it is not said which."""
        models, ask = (given.get("models"), given.get("ask", {})) if isinstance(given, dict) else (None, None)
        if isinstance(ask, AskSettings):
            ask = ask.model_dump(exclude_unset=True)
        if not isinstance(models, dict) or not models or not isinstance(ask, dict) or "models" in ask:
            return given
        return {**given, "ask": {**ask, "models": tuple(models)}}

    @model_validator(mode="after")
    def _models_exist(self) -> Settings:
        for name in self.ask.models:
            if name not in self.models:
                raise Inconsistent(f"no model is called {name}; {did_you_mean(name, self.models)}", "ask", "models")
        return self

    @model_validator(mode="after")
    def _panels_fit(self) -> Settings:
        for name, panel in self.panels.items():
            if name in self.models:
                raise Inconsistent(f"a model is called {name}, too", "panels", name)
            if unknown := sorted(set(panel.models).difference(self.models)):
                hint = did_you_mean(unknown[0], self.models)
                raise Inconsistent(f"no model is called {unknown[0]}; {hint}", "panels", name, "models")
            if len(set(panel.models)) < len(panel.models):
                raise Inconsistent("a model is named twice", "panels", name, "models")
            if panel.quorum > len(panel.models):
                message = f"is {panel.quorum}, but there are only {len(panel.models)} models"
                raise Inconsistent(message, "panels", name, "quorum")
        return self

    @model_validator(mode="after")
    def _budgets_fit(self) -> Settings:
        names = [budget.name for budget in self.budgets]
        for place, budget in enumerate(self.budgets):
            if budget.name in names[:place]:
                raise Inconsistent(f"two budgets are called {budget.name}", "budgets")
            if unknown := sorted(set(budget.degrade_to).difference(self.models)):
                hint = did_you_mean(unknown[0], self.models)
                text = f"no model is called {unknown[0]}, which degrade_to of {budget.name} names; {hint}"
                raise Inconsistent(text, "budgets")
        return self

    @model_validator(mode="after")
    def _quorum_can_be_met(self) -> Settings:
        if self.ask.quorum > len(self.ask.models):
            message = f"is {self.ask.quorum}, but ask.models has only {len(self.ask.models)}"
            raise Inconsistent(message, "ask", "quorum")
        return self
