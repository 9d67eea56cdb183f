"""The recording tracer, on the OpenTelemetry SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from typing_extensions import override

from app.errors import OrchestratorError
from app.telemetry import traceparent
from app.telemetry.tracing import NO_ATTRIBUTES, Attributes, Kind, Tracer


def exporting(service: str) -> RecordingTracer:
    """Return a tracer that exports its spans to the address in OTEL_EXPORTER_OTLP_*."""
    # Our own provider, not the global one: an application that embeds the orchestrator keeps its own.
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return RecordingTracer(provider)


class RecordingTracer(Tracer):
    """Records spans with the given provider."""

    recording = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("meta_ai_orchestrator")

    @override
    @contextmanager
    def span(
        self, name: str, parent: str | None, kind: Kind = "internal", attributes: Attributes = NO_ATTRIBUTES
    ) -> Iterator[str]:
        with self._start(name, parent, kind, attributes) as span:
            try:
                yield _header(span)
            except Exception as error:
                _mark_failed(span, error)
                raise

    def _start(self, name: str, parent: str | None, kind: Kind, attributes: Attributes) -> AbstractContextManager[Span]:
        # Only the type of an exception is recorded: its message may quote a prompt.
        return self._tracer.start_as_current_span(
            name,
            context=_context(parent),
            kind=SpanKind[kind.upper()],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )

    @override
    def annotate(self, attributes: Attributes) -> None:
        get_current_span().set_attributes(attributes)

    @override
    def shutdown(self) -> None:
        self._provider.shutdown()


def _context(header: str | None) -> Context:
    """Return the remote parent's context; empty without a valid header, which starts a new trace."""
    parent = traceparent.parse(header)
    if parent is None:
        return Context()
    span_context = SpanContext(
        trace_id=int(parent.trace_id, 16),
        span_id=int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(parent.sampled)),
    )
    return set_span_in_context(NonRecordingSpan(span_context), Context())


def _header(span: Span) -> str:
    context = span.get_span_context()
    return traceparent.render(
        f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled=context.trace_flags.sampled
    )


def _mark_failed(span: Span, error: Exception) -> None:

    kind = error.code if isinstance(error, OrchestratorError) else type(error).__qualname__
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
