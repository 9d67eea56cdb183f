from __future__ import annotations

import sys

import pytest

from app.errors import MissingDependency
from app.settings import TelemetrySettings
from app.telemetry import setup
from app.telemetry.metrics import NullMetrics
from app.telemetry.otel import RecordingTracer
from app.telemetry.prometheus import PrometheusMetrics
from app.telemetry.tracing import Tracer


def test_the_settings_choose_what_is_measured() -> None:
    assert isinstance(setup.build_metrics(TelemetrySettings(metrics=True)), PrometheusMetrics)
    assert isinstance(setup.build_metrics(TelemetrySettings(metrics=False)), NullMetrics)


def test_a_missing_package_for_metrics_is_named_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "app.telemetry.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        setup.build_metrics(TelemetrySettings(metrics=True))


def test_the_settings_choose_what_is_traced() -> None:
    assert type(setup.build_tracer(TelemetrySettings())) is Tracer
    recording = setup.build_tracer(TelemetrySettings(tracing=True))
    assert isinstance(recording, RecordingTracer)
    recording.shutdown()


def test_a_missing_package_for_traces_is_named_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("app.telemetry.otel")
    monkeypatch.delitem(sys.modules, "app.telemetry.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        setup.build_tracer(TelemetrySettings(tracing=True))
