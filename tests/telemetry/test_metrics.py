from __future__ import annotations

from app.telemetry.metrics import Metrics, NullMetrics
from app.telemetry.prometheus import PrometheusMetrics


def test_prometheus_overrides_every_hook() -> None:
    hooks = {name for name in vars(Metrics) if not name.startswith("_")}
    assert hooks == {name for name in vars(PrometheusMetrics) if not name.startswith("_")}


def test_null_metrics_render_nothing() -> None:
    metrics = NullMetrics()
    metrics.finished("tasks", "ok", 0.1)
    assert metrics.render() == b""
