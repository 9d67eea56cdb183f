from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.errors import RateLimited
from app.settings import TelemetrySettings
from app.telemetry import setup
from app.telemetry.otel import RecordingTracer
from app.telemetry.traceparent import parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Iterator[RecordingTracer]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = RecordingTracer(provider)
    yield tracer
    tracer.shutdown()


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


def test_a_span_joins_the_trace_of_its_parent(tracer: RecordingTracer, exporter: InMemorySpanExporter) -> None:
    with tracer.span("work", f"00-{TRACE}-{SPAN}-01", "consumer", {"messaging.system": "kafka"}) as header:
        tracer.annotate({"gen_ai.usage.input_tokens": 7})
    span = only(exporter)
    assert span.context
    assert header == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert span.parent
    assert span.parent.span_id == int(SPAN, 16)
    assert span.kind is SpanKind.CONSUMER
    assert dict(span.attributes or {}) == {"messaging.system": "kafka", "gen_ai.usage.input_tokens": 7}
    assert span.status.status_code is StatusCode.UNSET


def test_headers_tie_spans_of_different_workers_together(
    tracer: RecordingTracer, exporter: InMemorySpanExporter
) -> None:
    with tracer.span("first", None) as header:
        pass
    with tracer.span("second", header):
        pass
    first, second = exporter.get_finished_spans()
    assert first.parent is None
    assert first.context
    assert second.parent
    assert (second.parent.trace_id, second.parent.span_id) == (first.context.trace_id, first.context.span_id)


def test_without_a_parent_a_new_trace_begins_even_inside_another(
    tracer: RecordingTracer, exporter: InMemorySpanExporter
) -> None:
    with tracer.span("outer", None), tracer.span("inner", "not a traceparent"):
        pass
    inner, outer = exporter.get_finished_spans()
    assert inner.parent is None
    assert inner.context
    assert outer.context
    assert inner.context.trace_id != outer.context.trace_id


def test_a_trace_that_is_not_sampled_is_passed_on_but_not_recorded(
    tracer: RecordingTracer, exporter: InMemorySpanExporter
) -> None:
    with tracer.span("work", f"00-{TRACE}-{SPAN}-00") as header:
        pass
    parent = parse(header)
    assert parent
    assert (parent.trace_id, parent.sampled) == (TRACE, False)
    assert parent.span_id != SPAN
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("error", "kind"), [(RateLimited("a prompt"), "rate_limited"), (KeyError("a prompt"), "KeyError")]
)
def test_an_error_is_named_without_its_text(
    tracer: RecordingTracer, exporter: InMemorySpanExporter, error: Exception, kind: str
) -> None:
    with pytest.raises(type(error)), tracer.span("work", None):
        raise error
    span = only(exporter)
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {}) == {"error.type": kind}
    assert "a prompt" not in span.to_json()


async def test_concurrent_spans_do_not_mix(tracer: RecordingTracer, exporter: InMemorySpanExporter) -> None:
    async def work(n: int) -> None:
        with tracer.span(str(n), None):
            await asyncio.sleep(0)
            tracer.annotate({"n": n})

    await asyncio.gather(*map(work, range(5)))
    assert {span.name: (span.attributes or {})["n"] for span in exporter.get_finished_spans()} == {
        str(n): n for n in range(5)
    }


def test_the_process_keeps_its_own_provider(tracer: RecordingTracer) -> None:
    before = trace.get_tracer_provider()
    with tracer.span("work", None):
        pass
    assert trace.get_tracer_provider() is before
    assert not isinstance(before, TracerProvider)


def test_spans_are_exported_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        tracer = setup.build_tracer(TelemetrySettings(tracing=True), service="under-test")
        with tracer.span("a-span-of-ours", None):
            pass
        tracer.shutdown()
        server.shutdown()
        thread.join()
    assert [path for path, _ in received] == ["/v1/traces"]
    assert b"a-span-of-ours" in received[0][1]
    assert b"under-test" in received[0][1]
