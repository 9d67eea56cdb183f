from __future__ import annotations

import pytest

from app.telemetry import tracing
from app.telemetry.traceparent import parse

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_disabled_tracer_still_propagates() -> None:
    tracer = tracing.Tracer()
    with tracer.span("work", HEADER, "consumer", {"a": 1}) as header:
        tracer.annotate({"b": 2})
    for made in (header, tracer.traceparent_for(HEADER)):
        assert made[:36] == HEADER[:36]
    assert tracer.traceparent_for(HEADER) != HEADER
    assert parse(tracer.traceparent_for(None))


def test_a_disabled_tracer_lets_errors_pass() -> None:
    with pytest.raises(KeyError), tracing.Tracer().span("work", None):
        raise KeyError
