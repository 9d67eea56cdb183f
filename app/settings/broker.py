"""The broker, its topics, and delivery."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from app.settings.values import Inconsistent, Seconds, Section
from app.suggestions import did_you_mean
from topics import ALL


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
