"""Every setting, in one frozen object; `app.configuration` reads it from a file and the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from topics import ALL

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(value: object) -> object:
    """Read `30s`, `250ms`, `5m`, `12h` or `7d` as seconds; a bare number is seconds already."""
    if isinstance(value, str):
        for unit, factor in _UNITS.items():
            number = value.removesuffix(unit)
            if number != value and number.replace(".", "", 1).isdigit():
                return float(number) * factor
        if not value.replace(".", "", 1).isdigit():
            message = "give a duration such as 250ms, 30s, 5m, 12h or 7d"
            raise ValueError(message)
    return value


Seconds = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str), Field(gt=0)]


class Section(BaseModel):
    """The base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSecurity(Section):
    """How to log in to a cluster; passed through to the Kafka client."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> BrokerSecurity:
        if self.protocol.startswith("SASL") and not (self.mechanism and self.username and self.password):
            message = f"{self.protocol} needs mechanism, username and password"
            raise ValueError(message)
        return self


class BrokerSettings(Section):
    """Which broker: `embedded` (memory only), `kafka` (Apache Kafka on this machine, durable), `cluster`."""

    kind: Literal["embedded", "kafka", "cluster"] = "embedded"
    bootstrap_servers: str | None = Field(default=None, description="host:port, comma separated; for `cluster`")
    port: int = Field(default=0, ge=0, le=65535, description="port of the embedded or local broker; 0 picks one")
    data_dir: Path = Field(default=Path(".meta-ai/kafka"), description="where the local Kafka keeps its log")
    security: BrokerSecurity = BrokerSecurity()
    session_timeout: Seconds = Field(default=6.0, description="a silent worker's partitions move after this")

    @model_validator(mode="after")
    def _servers(self) -> BrokerSettings:
        if self.kind == "cluster" and not self.bootstrap_servers:
            message = "kind `cluster` needs bootstrap_servers, as in bootstrap_servers: kafka-1:9092,kafka-2:9092"
            raise ValueError(message)
        return self


class TopicOverride(Section):
    """What one topic has of its own."""

    retention: Seconds | None = None
    compact: bool | None = None
    max_message_bytes: int | None = Field(default=None, ge=1024)


class TopicSettings(Section):
    """How topics are named and created."""

    prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]*$", max_length=100)
    partitions: int = Field(default=8, ge=1, le=1000, description="the same for every topic: a run stays on one worker")
    replication: int = Field(default=1, ge=1, le=10)
    retention: Seconds = Field(default=7 * 86400.0)
    max_message_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    overrides: dict[str, TopicOverride] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> TopicSettings:
        known = {topic.name for topic in ALL}
        unknown = sorted(set(self.overrides) - known)
        if unknown:
            message = f"overrides: no topic is called {unknown[0]}; there are {', '.join(sorted(known))}"
            raise ValueError(message)
        return self


class DeliverySettings(Section):
    """Acknowledgement, concurrency and retries."""

    max_event_bytes: int = Field(default=1024 * 1024, ge=1024, description="a larger event goes to dead letters")
    commit_interval: Seconds = 1.0
    retries: int = Field(default=3, ge=0, le=100, description="further tries of a handler that failed transiently")
    backoff: Seconds = Field(default=0.2, description="first delay; doubles, with full jitter")
    max_backoff: Seconds = 10.0
    shutdown_grace: Seconds = Field(default=10.0, description="how long SIGTERM waits for what is in flight")
    max_in_flight: int = Field(default=2048, ge=1, description="events in flight per agent and worker")


class ModelSettings(Section):
    """One model that workflows can name."""

    provider: str = Field(description="local, openai, anthropic, scripted, or one from an entry point")
    model: str | None = Field(default=None, description="the provider's name of the model")
    base_url: str | None = None
    api_key: SecretStr | None = None
    timeout: Seconds = Field(default=60.0, description="for one attempt")
    total_timeout: Seconds = Field(default=180.0, description="for all attempts together")
    attempts: int = Field(default=3, ge=1, le=20)
    max_concurrency: int = Field(default=2048, ge=1)
    sampling: dict[str, Any] = Field(default_factory=dict, description="defaults: max_tokens, temperature, …")
    options: dict[str, Any] = Field(default_factory=dict, description="what only this provider understands")


class RetrievalSettings(Section):
    """Where documents are indexed."""

    store: str = "memory"
    endpoint: str | None = Field(default=None, description="address of an external vector store")
    path: Path | None = Field(default=None, description="file in which the memory store persists its index")
    embedder: str = "minilm"
    chunk_tokens: int = Field(default=180, ge=20, le=2000, description="upper bound of a chunk, in words")
    chunk_overlap: int = Field(default=20, ge=0, le=500)


class AskSettings(Section):
    """What the built-in workflow `ask` does."""

    models: tuple[str, ...] = Field(default=("local",), min_length=1)
    strategy: Literal["first", "vote", "consensus"] = "consensus"
    quorum: int = Field(default=1, ge=1)
    chunks: int = Field(default=4, ge=1, le=50)
    deadline: Seconds = 120.0
    retrieve: bool = True


class ServerSettings(Section):
    """Health and metrics over HTTP."""

    bind_address: str = "127.0.0.1"
    port: int = Field(default=8088, ge=0, le=65535)


class TelemetrySettings(Section):
    """Logs, metrics, traces."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    log_format: Literal["text", "json"] = "text"
    metrics: bool = True
    tracing: bool = Field(default=False, description="export spans; OTEL_EXPORTER_OTLP_* say where")


class Settings(Section):
    """The whole configuration."""

    app_id: str = Field(default="meta-ai", pattern=r"^[a-zA-Z0-9._-]+$", max_length=100)
    broker: BrokerSettings = BrokerSettings()
    topics: TopicSettings = TopicSettings()
    delivery: DeliverySettings = DeliverySettings()
    models: dict[str, ModelSettings] = Field(default_factory=lambda: {"local": ModelSettings(provider="local")})
    retrieval: RetrievalSettings = RetrievalSettings()
    ask: AskSettings = AskSettings()
    server: ServerSettings = ServerSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _models_exist(self) -> Settings:
        for name in self.ask.models:
            if name not in self.models:
                message = f"ask.models: no model is called {name}; models has {', '.join(sorted(self.models))}"
                raise ValueError(message)
        if self.ask.quorum > len(self.ask.models):
            message = f"ask.quorum is {self.ask.quorum}, but ask.models has only {len(self.ask.models)}"
            raise ValueError(message)
        return self
