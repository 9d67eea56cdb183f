from __future__ import annotations

import sys

import pytest

from app.errors import MissingDependency
from app.settings import TelemetrySettings
from app.telemetry.metrics import Metrics, NullMetrics, configure
from app.telemetry.prometheus import PrometheusMetrics


def test_the_settings_choose() -> None:
    assert isinstance(configure(TelemetrySettings(metrics=True)), PrometheusMetrics)
    assert isinstance(configure(TelemetrySettings(metrics=False)), NullMetrics)


def test_a_missing_package_is_named_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "app.telemetry.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        configure(TelemetrySettings(metrics=True))


def test_prometheus_overrides_every_hook() -> None:
    hooks = {name for name in vars(Metrics) if not name.startswith("_")}
    assert hooks == {name for name in vars(PrometheusMetrics) if not name.startswith("_")}


def test_null_metrics_render_nothing() -> None:
    metrics = NullMetrics()
    metrics.finished("tasks", "ok", 0.1)
    assert metrics.render() == b""
