"""For operators: `client.feedback`, `client.dead_letters`, `client.metrics` and `client.audit`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from meta_ai_orchestrator._client.actions import Emits, Steps
from meta_ai_orchestrator._client.calls import Call, get, once, path, post
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator.types import (
    AuditEvent,
    DeadLetterContent,
    DeadLetterRow,
    Feedback,
    FigureReport,
    ReplayedDeadLetter,
)

_Thumb = Literal["up", "down"]


class FeedbackOf(Resource[Mode]):
    """What answers are worth."""

    @Endpoint
    def create(
        self,
        task_id: str,
        *,
        thumb: _Thumb | None = None,
        score: float | None = None,
        correction: Any = None,
        comment: str | None = None,
        idempotency_key: str | None = None,
    ) -> Call[Feedback]:
        """Say what the answer to a task is worth; `score` is from 0 to 1, and `correction` any JSON."""
        body = {"task_id": task_id, "thumb": thumb, "score": score, "correction": correction, "comment": comment}
        return post(Feedback, "/v1/feedback", body, headers=once(idempotency_key))

    @Listed
    def list(self, *, thumb: _Thumb | None = None, limit: int | None = None) -> Emits[Feedback]:
        """List all feedback, newest first."""
        return self._core.pages("/v1/feedback", Feedback, {"thumb": thumb, "limit": limit})


class DeadLetters(Resource[Mode]):
    """What could not be processed; each is named by the place of its original."""

    @Listed
    def list(
        self,
        *,
        reason: str | None = None,
        topic: str | None = None,
        key: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Emits[DeadLetterRow]:
        """List the dead letters, newest first."""
        query = {"reason": reason, "topic": topic, "key": key, "since": since, "until": until, "limit": limit}
        return self._core.pages("/v1/dead-letters", DeadLetterRow, query)

    @Endpoint
    def get(self, topic: str, partition: int, offset: int) -> Call[DeadLetterContent]:
        """Return one, with its bytes."""
        return get(DeadLetterContent, path("/v1/dead-letters", topic, partition, offset))

    @Endpoint
    def replay(
        self, topic: str, partition: int, offset: int, *, value: Mapping[str, Any] | bytes | None = None
    ) -> Call[ReplayedDeadLetter]:
        """Send the original again, or `value` in its place."""
        place = path("/v1/dead-letters", topic, partition, offset, "replay")
        encoded = b64encode(value).decode() if isinstance(value, bytes) else None
        body = {"value": None if isinstance(value, bytes) else value, "value_base64": encoded}
        return post(ReplayedDeadLetter, place, body, repeatable=False)


class Metrics(Resource[Mode]):
    """Figures."""

    @Endpoint
    def query(
        self, *, by: Literal["workflow", "step", "model"] | None = None, window: str | float | None = None
    ) -> Steps[FigureReport]:
        """Return rate, latency, errors and cost in the last `window` (seconds, or as in `7d`; an hour by default)."""
        return self._core.report(get(FigureReport, "/v1/metrics/query", by=by, window=window))


class Audit(Resource[Mode]):
    """Who did what."""

    @Listed
    def list(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Emits[AuditEvent]:
        """List who did what, newest first."""
        query = {
            "actor": actor,
            "action": action,
            "subject": subject,
            "since": since,
            "until": until,
            "limit": limit,
        }
        return self._core.pages("/v1/audit", AuditEvent, query)
