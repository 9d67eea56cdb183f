"""Metrics for Prometheus, in a registry of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from typing_extensions import override

from app.telemetry.metrics import Metrics

#: Buckets from a hop on one machine to the slowest model.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
#: Buckets from one text to the largest batch of any provider.
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
#: Label sets beyond this many count as `other`, so that untrusted names cannot exhaust memory.
MAX_SERIES = 2000

M = TypeVar("M", Counter, Gauge, Histogram)


class _Family(Generic[M]):
    """One metric with its children by label values: a dictionary look-up instead of `labels()`."""

    __slots__ = ("_children", "_metric", "_width")

    def __init__(self, metric: Any, width: int) -> None:
        self._metric = metric
        self._width = width
        self._children: dict[tuple[str, ...], M] = {}

    def __getitem__(self, labels: tuple[str, ...]) -> M:
        return self._children.get(labels) or self._add(labels)

    def _add(self, labels: tuple[str, ...]) -> M:
        if len(self._children) >= MAX_SERIES:
            labels = ("other",) * self._width
        child: M = self._metric.labels(*labels) if labels else self._metric
        return self._children.setdefault(labels, child)

    def drop(self, labels: tuple[str, ...]) -> None:
        if self._children.pop(labels, None) is not None:
            self._metric.remove(*labels)


class _Families:
    """Makes families with the common prefix in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> _Family[Counter]:
        return _Family(Counter(f"meta_ai_{name}_total", text, labels, registry=self._registry), len(labels))

    def gauge(self, name: str, text: str, *labels: str) -> _Family[Gauge]:
        return _Family(Gauge(f"meta_ai_{name}", text, labels, registry=self._registry), len(labels))

    def histogram(
        self, name: str, text: str, *labels: str, unit: str = "seconds", buckets: Sequence[float] = BUCKETS
    ) -> _Family[Histogram]:
        metric = Histogram(f"meta_ai_{name}_{unit}", text, labels, registry=self._registry, buckets=buckets)
        return _Family(metric, len(labels))


class PrometheusMetrics(Metrics):
    """Measures everything."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        make = _Families(self._registry)
        self._events(make)
        self._work(make)

    def _events(self, make: _Families) -> None:
        self._received = make.counter("events_received", "Events given to agents.", "topic")
        self._finished = make.counter("events_finished", "Events done, by outcome.", "topic", "outcome")
        self._duration = make.histogram("event_processing", "From receiving an event to finishing it.", "topic")
        self._sent = make.counter("events_sent", "Events acknowledged by the broker.", "topic")
        self._in_flight = make.gauge("events_in_flight", "Events in progress.", "agent")
        self._retries = make.counter("handler_retries", "Retries of handlers.", "agent")
        self._dead_letters = make.counter("dead_letters", "Events sent to dead letters, by reason.", "topic", "reason")
        self._lag = make.gauge("consumer_lag_events", "Events not finished yet.", "topic", "partition")
        self._partitions = make.gauge("owned_partitions", "Partitions assigned to this worker.")[()]

    def _work(self, make: _Families) -> None:
        self._calls = make.counter("model_calls", "Model calls, by outcome.", "model", "provider", "outcome")
        self._call_duration = make.histogram(
            "model_call", "Duration of a model call including retries.", "model", "provider"
        )
        first = "Time to the first token of a streamed answer."
        self._first_token = make.histogram("model_first_token", first, "model", "provider")
        self._gap = make.histogram(
            "model_token_gap", "The longest gap between two pieces of a streamed answer.", "model", "provider"
        )
        self._tries = make.counter("model_tries", "Attempts against providers.", "model", "provider")
        self._tokens = make.counter(
            "model_tokens", "Tokens, as counted by providers.", "model", "provider", "direction"
        )
        self._repaired = make.counter("model_answers_repaired", "Answers used after a repair.", "model", "kind")
        self._cache = make.counter("cache_lookups", "Calls that may be answered from the cache.", "model", "found")
        self._retrievals = make.counter("retrievals", "Retrievals, by outcome.", "outcome")
        self._retrieval_duration = make.histogram("retrieval", "A retrieval.")[()]
        batch = make.histogram("embedding_batch", "Texts in a call of an embedder.", unit="texts", buckets=SIZES)
        self._batch = batch[()]
        self._runs = make.counter("runs_finished", "Runs ended, by status.", "workflow", "status")
        self._run_duration = make.histogram("run", "From accepting a task to its result.", "workflow")
        self._active = make.gauge("runs_active", "Active runs.")[()]
        self._items = make.counter("source_items", "Items of sources, by what became of them.", "source", "outcome")
        self._syncs = make.counter("syncs_finished", "Syncs of sources ended, by status.", "source", "status")
        self._refused = make.gauge("definitions_refused", "Deployed workflow versions that cannot be run here.")[()]

    @override
    def received(self, topic: str) -> None:
        self._received[topic,].inc()

    @override
    def finished(self, topic: str, outcome: str, seconds: float) -> None:
        self._finished[topic, outcome].inc()
        self._duration[topic,].observe(seconds)

    @override
    def sent(self, topic: str) -> None:
        self._sent[topic,].inc()

    @override
    def in_flight(self, agent: str, n: int) -> None:
        self._in_flight[agent,].set(n)

    @override
    def retried(self, agent: str) -> None:
        self._retries[agent,].inc()

    @override
    def dead_letter(self, topic: str, reason: str) -> None:
        self._dead_letters[topic, reason].inc()

    @override
    def model_call(
        self,
        model: str,
        provider: str,
        outcome: str,
        seconds: float,
        tries: int = 1,
        input_tokens: int = 0,
        output_tokens: int = 0,
    ) -> None:
        self._calls[model, provider, outcome].inc()
        self._call_duration[model, provider].observe(seconds)
        self._tries[model, provider].inc(tries)
        self._tokens[model, provider, "input"].inc(input_tokens)
        self._tokens[model, provider, "output"].inc(output_tokens)

    @override
    def repaired(self, model: str, kinds: Iterable[str]) -> None:
        for kind in kinds:
            self._repaired[model, kind].inc()

    @override
    def cache(self, model: str, found: str) -> None:
        self._cache[model, found].inc()

    @override
    def model_stream(self, model: str, provider: str, first_token: float, longest_gap: float | None) -> None:
        self._first_token[model, provider].observe(first_token)
        if longest_gap is not None:
            self._gap[model, provider].observe(longest_gap)

    @override
    def retrieval(self, outcome: str, seconds: float) -> None:
        self._retrievals[outcome,].inc()
        self._retrieval_duration.observe(seconds)

    @override
    def embedding_batch(self, texts: int) -> None:
        self._batch.observe(texts)

    @override
    def run_finished(self, workflow: str, status: str, seconds: float) -> None:
        self._runs[workflow, status].inc()
        self._run_duration[workflow,].observe(seconds)

    @override
    def runs_active(self, n: int) -> None:
        self._active.set(n)

    @override
    def definitions_refused(self, n: int) -> None:
        self._refused.set(n)

    @override
    def source_items(self, source: str, counts: Mapping[str, int]) -> None:
        for outcome, count in counts.items():
            if count and outcome != "found":
                self._items[source, outcome].inc(count)

    @override
    def sync_finished(self, source: str, status: str) -> None:
        self._syncs[source, status].inc()

    @override
    def lag(self, topic: str, partition: int, n: int | None) -> None:
        labels = (topic, str(partition))
        if n is None:
            self._lag.drop(labels)
        else:
            self._lag[labels].set(n)

    @override
    def owned_partitions(self, n: int) -> None:
        self._partitions.set(n)

    @override
    def render(self) -> bytes:
        return generate_latest(self._registry)
