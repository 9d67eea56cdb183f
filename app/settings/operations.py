"""Health pages, logs, secrets, and the audit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from app.settings.values import LogLevel, Seconds, Section, upper


class ServerSettings(Section):
    """Health and metrics over HTTP."""

    bind_address: str = Field(default="127.0.0.1", min_length=1, description="keep it local, or behind a proxy")
    port: int = Field(default=8088, ge=0, le=65535, description="0 picks one")


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

    log_level: Annotated[LogLevel, BeforeValidator(upper, json_schema_input_type=LogLevel)] = Field(
        default="WARNING", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="text for people, json for collectors")
    metrics: bool = Field(default=True, description="serve Prometheus metrics on /metrics")
    tracing: bool = Field(default=False, description="export spans; OTEL_EXPORTER_OTLP_* say where")
