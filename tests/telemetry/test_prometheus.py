from __future__ import annotations

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry import prometheus
from app.telemetry.prometheus import PrometheusMetrics

Samples = dict[tuple[str, frozenset[str]], float]


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics()


def samples(metrics: PrometheusMetrics) -> Samples:
    """Return the values by name and label values, in whatever order the labels are written."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {(one.name, frozenset(one.labels.values())): one.value for family in families for one in family.samples}


def of(name: str, *labels: str) -> tuple[str, frozenset[str]]:
    return f"meta_ai_{name}", frozenset(labels)


def test_events_are_counted(metrics: PrometheusMetrics) -> None:
    metrics.received("tasks")
    metrics.finished("tasks", "ok", 0.02)
    metrics.finished("tasks", "error", 3)
    metrics.sent("results")
    metrics.retried("intake")
    metrics.dead_letter("tasks", "not_json")
    found = samples(metrics)
    assert found[of("events_received_total", "tasks")] == 1
    assert found[of("events_finished_total", "tasks", "ok")] == 1
    assert found[of("events_finished_total", "tasks", "error")] == 1
    assert found[of("event_processing_seconds_sum", "tasks")] == 3.02
    assert found[of("event_processing_seconds_bucket", "tasks", "0.025")] == 1
    assert found[of("events_sent_total", "results")] == 1
    assert found[of("handler_retries_total", "intake")] == 1
    assert found[of("dead_letters_total", "tasks", "not_json")] == 1


def test_calls_retrievals_and_runs_are_counted(metrics: PrometheusMetrics) -> None:
    metrics.model_call("big", "openai", "ok", 1.5, 2, 100, 20)
    metrics.model_call("big", "openai", "timeout", 60, 3)
    metrics.retrieval("ok", 0.01)
    metrics.run_finished("ask", "succeeded", 2)
    found = samples(metrics)
    assert found[of("model_calls_total", "big", "openai", "ok")] == 1
    assert found[of("model_calls_total", "big", "openai", "timeout")] == 1
    assert found[of("model_call_seconds_count", "big", "openai")] == 2
    assert found[of("model_tries_total", "big", "openai")] == 5
    assert found[of("model_tokens_total", "big", "openai", "input")] == 100
    assert found[of("model_tokens_total", "big", "openai", "output")] == 20
    assert found[of("retrievals_total", "ok")] == 1
    assert found[of("retrieval_seconds_sum")] == 0.01
    assert found[of("runs_finished_total", "ask", "succeeded")] == 1
    assert found[of("run_seconds_bucket", "ask", "2.5")] == 1


def test_the_rhythm_of_streamed_answers_is_measured(metrics: PrometheusMetrics) -> None:
    metrics.model_stream("big", "openai", 0.3, 0.04)
    metrics.model_stream("big", "openai", 0.5, None)  # a single piece
    found = samples(metrics)
    assert found[of("model_first_token_seconds_sum", "big", "openai")] == 0.8
    assert found[of("model_token_gap_seconds_count", "big", "openai")] == 1
    assert found[of("model_token_gap_seconds_bucket", "big", "openai", "0.05")] == 1


def test_the_sizes_of_batches_are_measured(metrics: PrometheusMetrics) -> None:
    for texts in (1, 3, 32):
        metrics.embedding_batch(texts)
    found = samples(metrics)
    assert found[of("embedding_batch_texts_count")] == 3
    assert found[of("embedding_batch_texts_sum")] == 36
    assert found[of("embedding_batch_texts_bucket", "4.0")] == 2


def test_gauges_show_the_last_value(metrics: PrometheusMetrics) -> None:
    for n in (5, 2):
        metrics.in_flight("caller", n)
        metrics.runs_active(n)
        metrics.owned_partitions(n)
        metrics.definitions_refused(n)
        metrics.lag("tasks", 3, n)
    found = samples(metrics)
    assert found[of("events_in_flight", "caller")] == 2
    assert found[of("runs_active")] == found[of("owned_partitions")] == found[of("definitions_refused")] == 2
    assert found[of("consumer_lag_events", "tasks", "3")] == 2


def test_the_lag_of_a_lost_partition_disappears(metrics: PrometheusMetrics) -> None:
    metrics.lag("tasks", 3, 9)
    metrics.lag("tasks", 3, None)
    metrics.lag("tasks", 4, None)
    assert not any(name == "meta_ai_consumer_lag_events" for name, _ in samples(metrics))
    metrics.lag("tasks", 3, 1)
    assert samples(metrics)[of("consumer_lag_events", "tasks", "3")] == 1


def test_unbounded_names_end_as_other(metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MAX_SERIES", 3)
    for n in range(10):
        metrics.run_finished(f"made-up-{n}", "failed", 1)
    runs = {
        labels: value for (name, labels), value in samples(metrics).items() if name == "meta_ai_runs_finished_total"
    }
    assert len(runs) == 4
    assert runs[frozenset({"other"})] == 7


def test_registries_are_apart(metrics: PrometheusMetrics) -> None:
    PrometheusMetrics().received("tasks")
    assert not any(name == "meta_ai_events_received_total" for name, _ in samples(metrics))
    assert b"meta_ai" not in prometheus_client.generate_latest()


def test_names_follow_the_conventions(metrics: PrometheusMetrics) -> None:
    families = [
        one for one in text_string_to_metric_families(metrics.render().decode()) if one.name.startswith("meta_ai")
    ]
    assert len(families) >= 15
    histograms = [one.name for one in families if one.type == "histogram"]
    assert [name for name in histograms if not name.endswith(("_seconds", "_texts"))] == []
    assert [one.name for one in families if not one.documentation.endswith(".")] == []


def test_a_child_is_looked_up_once(metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    labels = prometheus_client.Counter.labels

    def spy(counter: prometheus_client.Counter, *values: object) -> prometheus_client.Counter:
        asked.append(values)
        return labels(counter, *values)

    monkeypatch.setattr(prometheus_client.Counter, "labels", spy)
    for topic in ("tasks", "tasks", "results", "tasks"):
        metrics.received(topic)
    assert asked == [("tasks",), ("results",)]
