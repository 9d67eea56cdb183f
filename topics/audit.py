"""`audit`: changes of what the orchestrator answers from and how, and replays: by whom, and when."""

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
    summary="Documents ingested and deleted, workflows deployed and rolled back, dead letters replayed: who, when.",
)
