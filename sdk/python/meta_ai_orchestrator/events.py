"""The events that other systems send and read, as pydantic models, and `StreamedText`, which joins streamed answers."""

from __future__ import annotations

from meta_ai_orchestrator._path import server_part

with server_part():
    from app.streamed_text import StreamedText
    from topics.audit import AuditEvent
    from topics.base import Failure
    from topics.dead_letters import DeadLetter
    from topics.documents import Document
    from topics.result_chunks import ResultChunk
    from topics.results import Candidate, Citation, Result, StepReport
    from topics.signals import Signal
    from topics.spend import Spend
    from topics.tasks import Task

__all__ = [
    "AuditEvent",
    "Candidate",
    "Citation",
    "DeadLetter",
    "Document",
    "Failure",
    "Result",
    "ResultChunk",
    "Signal",
    "Spend",
    "StepReport",
    "StreamedText",
    "Task",
]
