from __future__ import annotations

import re
from typing import get_args

from prometheus_client.parser import text_string_to_metric_families

from app.settings import BrokerSettings
from app.telemetry.prometheus import PrometheusMetrics
from tests.docs.pages import PAGES, codes, first_codes, table, text


def measured() -> dict[str, set[str]]:
    """Return every metric with its labels, from a worker that has measured each once."""
    metrics = PrometheusMetrics()
    metrics.received("t")
    metrics.finished("t", "ok", 1.0)
    metrics.sent("t")
    metrics.in_flight("a", 1)
    metrics.retried("a")
    metrics.dead_letter("t", "invalid")
    metrics.model_call("m", "p", "ok", 1.0)
    metrics.model_stream("m", "p", 1.0, 1.0)
    metrics.repaired("m", ["framing"])
    metrics.cache("m", "equal")
    metrics.repaired("m", ["framing"])
    metrics.retrieval("ok", 1.0)
    metrics.embedding_batch(1)
    metrics.run_finished("w", "succeeded", 1.0)
    metrics.source_items("s", {"sent": 1})
    metrics.sync_finished("s", "succeeded")
    metrics.runs_active(1)
    metrics.definitions_refused(1)
    metrics.lag("t", 0, 1)
    metrics.owned_partitions(1)
    families = text_string_to_metric_families(metrics.render().decode())
    found: dict[str, set[str]] = {}
    for family in families:
        if family.name.startswith("meta_ai_") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    return found


def test_every_metric_is_described_with_its_labels() -> None:
    rows = table("docs/operations.md", "metric", "labels", "what it measures")
    shown = {codes(row[0])[0]: {label for label in row[1].split(", ") if label} for row in rows}
    assert shown == measured()


def test_no_other_metric_is_named_anywhere() -> None:
    named = {name for page in PAGES for name in re.findall(r"\bmeta_ai_[a-z_]+_(?:total|seconds|events)\b", text(page))}
    assert named <= measured().keys()


def test_every_kind_of_broker_is_described() -> None:
    kinds = get_args(BrokerSettings.model_fields["kind"].annotation)
    assert tuple(first_codes("docs/operations.md", "kind", "what it is", "data", "needs")) == kinds
