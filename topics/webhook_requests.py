"""`webhook-requests`: whom to tell that a task has ended."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic


class WebhookBody(Event):
    """What is posted, in the form of Standard Webhooks: `data` is the result, without candidates and steps.

    Of a result that is too long for a webhook, `data` has only the outcome, and `partial`.
    """

    type: Literal["task.succeeded", "task.failed", "task.cancelled"]
    timestamp: AwareDatetime
    data: dict[str, JsonValue]


class WebhookRequest(Event):
    """Post `body` to `webhook`, the URL or the configured endpoint that the task has named: try number `attempt`."""

    id: str
    task_id: str
    webhook: str
    tenant: str = ""
    attempt: int = Field(default=1, ge=1)
    body: WebhookBody


WEBHOOK_REQUESTS = Topic(
    name="webhook-requests",
    event=WebhookRequest,
    type="meta_ai.webhook_request",
    key="task id",
    summary="Webhooks to be called for tasks that have ended, answered on webhook-results.",
)
