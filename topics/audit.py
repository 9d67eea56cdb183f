"""`audit`: what operators and the orchestrator did."""

from __future__ import annotations

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic


class AuditEvent(Event):
    """Who (`actor`) did what (`action`) to what (`subject`), and when (`at`)."""

    id: str
    at: AwareDatetime
    actor: str
    action: str
    subject: str
    details: dict[str, JsonValue] = Field(default_factory=dict)


AUDIT = Topic(
    name="audit",
    event=AuditEvent,
    type="meta_ai.audit",
    key="subject",
    summary="What operators and workers did: starts, stops, ingestion, dead letters, replays.",
)
