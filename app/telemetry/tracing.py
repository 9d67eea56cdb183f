"""Spans through OpenTelemetry, tied together by the `traceparent` headers of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal

from app.telemetry import traceparent

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | bool | int | float | Sequence[str]]
NO_ATTRIBUTES: Attributes = {}


class Tracer:
    """Passes the trace on without recording anything: for when tracing is off."""

    #: Whether spans are recorded; otherwise nobody need make any.
    recording: ClassVar[bool] = False

    def traceparent_for(self, parent: str | None) -> str:
        """Return the header for an event that `parent` led to: same trace, new span."""
        return traceparent.child_traceparent(parent)

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002  # for subclasses, as are the last two
        parent: str | None,
        kind: Kind = "internal",  # noqa: ARG002
        attributes: Attributes = NO_ATTRIBUTES,  # noqa: ARG002
    ) -> Iterator[str]:
        """Record what happens inside as one span; yields its header, to be handed on."""
        yield parent or self.traceparent_for(None)

    def annotate(self, attributes: Attributes) -> None:
        """Add to the span in which this is called, such as the tokens that a call took."""

    def shutdown(self) -> None:
        """Export what is still waiting; blocks until that is done or given up."""
