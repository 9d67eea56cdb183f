"""Build metrics and tracing from the settings; packages that are not used need not be installed."""

from __future__ import annotations

from app.errors import MissingDependency
from app.settings import TelemetrySettings
from app.telemetry.metrics import Metrics, NullMetrics
from app.telemetry.tracing import Tracer


def build_metrics(settings: TelemetrySettings) -> Metrics:
    """Return the metrics that the settings ask for.

    Raises:
        MissingDependency: metrics are on, but prometheus-client is not installed.
    """
    if not settings.metrics:
        return NullMetrics()
    try:
        from app.telemetry.prometheus import PrometheusMetrics  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
    return PrometheusMetrics()


def build_tracer(settings: TelemetrySettings, service: str = "meta-ai-orchestrator") -> Tracer:
    """Return the tracer that the settings ask for.

    It exports over OTLP with HTTP; OTEL_EXPORTER_OTLP_ENDPOINT and its siblings say where to.

    Raises:
        MissingDependency: tracing is on, but OpenTelemetry is not installed.
    """
    if not settings.tracing:
        return Tracer()
    try:
        from app.telemetry import otel  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
    return otel.exporting(service)
