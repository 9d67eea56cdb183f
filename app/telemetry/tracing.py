"""Spans through OpenTelemetry, tied together by the `traceparent` headers of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

from app.errors import MissingDependency
from app.settings import TelemetrySettings
from app.telemetry import traceparent

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | bool | int | float | Sequence[str]]
NO_ATTRIBUTES: Attributes = {}


class Tracer:
    """Passes the trace on without recording anything: what `disabled` returns."""

    #: Whether spans are recorded; otherwise nobody need make any.
    recording: ClassVar[bool] = False

    def traceparent_for(self, parent: str | None) -> str:
        """Return the header for an event that `parent` led to: same trace, new span."""
        return traceparent.child(parent)

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002  # for subclasses, as are the last two
        parent: str | None,
        kind: Kind = "internal",  # noqa: ARG002
        attributes: Attributes = NO_ATTRIBUTES,  # noqa: ARG002
    ) -> Iterator[str]:
        """Record what happens inside as one span; yields its header, to be handed on."""
        yield self.traceparent_for(parent)

    def annotate(self, attributes: Attributes) -> None:
        """Add to the span in which this is called, such as the tokens that a call took."""

    def shutdown(self) -> None:
        """Export what is still waiting; blocks until that is done or given up."""


def disabled() -> Tracer:
    """Return a tracer that only propagates."""
    return Tracer()


def configure(settings: TelemetrySettings, service: str = "meta-ai-orchestrator") -> Tracer:
    """Return the tracer that the settings ask for.

    It exports over OTLP with HTTP; OTEL_EXPORTER_OTLP_ENDPOINT and its siblings say where to.

    Raises:
        MissingDependency: tracing is on, but OpenTelemetry is not installed.
    """
    if not settings.tracing:
        return disabled()
    try:
        from app.telemetry import otel  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
    return otel.exporting(service)
