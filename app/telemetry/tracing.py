"""Spans with OpenTelemetry, linked by the `traceparent` headers of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

from app.telemetry import traceparent

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | bool | int | float | Sequence[str]]
NO_ATTRIBUTES: Attributes = {}


class Tracer:
    """Propagates the trace without recording anything, when tracing is off."""

    #: Whether spans are recorded; otherwise none need to be built.
    recording: ClassVar[bool] = False

    def traceparent_for(self, parent: str | None) -> str:
        """Return the header for an event caused by `parent`: same trace, new span."""
        return traceparent.child_traceparent(parent)

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002  # for subclasses, as are the last two
        parent: str | None,
        kind: Kind = "internal",  # noqa: ARG002
        attributes: Attributes = NO_ATTRIBUTES,  # noqa: ARG002
    ) -> Iterator[str]:
        """Record the block as one span; yields its header, to be passed on."""
        yield parent or self.traceparent_for(None)

    def annotate(self, attributes: Attributes) -> None:
        """Add attributes to the current span, such as the tokens of a call."""

    def shutdown(self) -> None:
        """Export pending spans; blocks until done or timed out."""
