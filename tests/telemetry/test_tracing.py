from __future__ import annotations

import sys

import pytest

from app.errors import MissingDependency
from app.settings import TelemetrySettings
from app.telemetry import tracing
from app.telemetry.otel import RecordingTracer
from app.telemetry.traceparent import parse

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_settings_choose() -> None:
    assert type(tracing.configure(TelemetrySettings())) is tracing.Tracer
    recording = tracing.configure(TelemetrySettings(tracing=True))
    assert isinstance(recording, RecordingTracer)
    recording.shutdown()


def test_a_missing_package_is_named_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("app.telemetry.otel")
    monkeypatch.delitem(sys.modules, "app.telemetry.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        tracing.configure(TelemetrySettings(tracing=True))


def test_a_disabled_tracer_still_propagates() -> None:
    tracer = tracing.disabled()
    with tracer.span("work", HEADER, "consumer", {"a": 1}) as header:
        tracer.annotate({"b": 2})
    for made in (header, tracer.traceparent_for(HEADER)):
        assert made[:36] == HEADER[:36]
        assert made != HEADER
    assert parse(tracer.traceparent_for(None))


def test_a_disabled_tracer_lets_errors_pass() -> None:
    with pytest.raises(KeyError), tracing.disabled().span("work", None):
        raise KeyError
