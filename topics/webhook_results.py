"""`webhook-results`: what became of an attempt to call a webhook."""

from __future__ import annotations

from pydantic import AwareDatetime

from topics.base import Event, Failure, Topic
from topics.webhook_requests import WebhookRequest


class WebhookResult(Event):
    """The outcome of one request: it has arrived unless there is an `error`.

    What is tried again is the request in `next`, at `retry_at`; without one, the failed request is a dead letter.
    """

    id: str
    task_id: str
    attempt: int
    seconds: float = 0.0
    error: Failure | None = None
    retry_at: AwareDatetime | None = None
    next: WebhookRequest | None = None


WEBHOOK_RESULTS = Topic(
    name="webhook-results",
    event=WebhookResult,
    type="meta_ai.webhook_result",
    key="task id",
    summary="Outcomes of calls of webhooks, one event for each attempt.",
)
