"""Who is told of the end of a task: the first request, and the wait for the next when one has failed.

Calls are made by the agent `call_webhook`. What it cannot deliver comes back, and is kept as state until its time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import JsonValue

from app.workflows.run import WebhookRetry
from topics.results import Result
from topics.tasks import Task
from topics.webhook_requests import WebhookBody, WebhookRequest
from topics.webhook_results import WebhookResult

#: A longer body is not sent, as Standard Webhooks advises, nor kept in memory while a receiver is away.
MAX_BYTES = 20 * 1024
#: How long the outcome of a request is awaited, so that it is not sent twice (seconds).
_OUTCOME_SECONDS = 600.0
_OUTCOME = frozenset(
    {"task_id", "workflow", "workflow_version", "status", "error", "tenant", "accepted_at", "finished_at"}
)
_LONGEST_MESSAGE = 1000


def notify_webhook(task: Task, outcome: Result) -> Iterator[WebhookRequest]:
    """Yield the request that tells the webhook of a task of its outcome, if it has one."""
    if task.webhook:
        data = outcome.model_dump(mode="json", exclude_none=True, exclude={"candidates", "steps"})
        long = len(json.dumps(data)) > MAX_BYTES
        yield WebhookRequest(
            id=_request_id(outcome.task_id, 1),
            task_id=outcome.task_id,
            webhook=task.webhook,
            tenant=task.tenant,
            body=WebhookBody.model_validate(
                {
                    "type": f"task.{outcome.status}",
                    "timestamp": outcome.finished_at,
                    "data": _shortened(data) if long else data,
                }
            ),
        )


def shortened(request: WebhookRequest) -> WebhookRequest:
    """Return a request with the outcome alone."""
    return request.model_copy(update={"body": request.body.model_copy(update={"data": _shortened(request.body.data)})})


def next_attempt(request: WebhookRequest) -> WebhookRequest:
    """Return the request as it is made when this one has failed."""
    number = request.attempt + 1
    return request.model_copy(update={"id": _request_id(request.task_id, number), "attempt": number})


def after_attempt(state: WebhookRetry | None, event: WebhookResult, now: float) -> WebhookRetry | None:
    """Return what is to be kept of a webhook after the outcome of an attempt; None or `state`: nothing new."""
    if state and event.attempt < state.request.attempt:
        # Of an attempt before the one that is kept; that one's own outcome, if it was sent, ends the wait.
        return state
    if event.next and event.retry_at:
        return WebhookRetry(event.next, event.retry_at.timestamp())
    return replace(state, at=now, sent=True) if state else None


def when_due(state: WebhookRetry, now: float) -> tuple[WebhookRetry, list[WebhookRequest]]:
    """Return the state and what is to be sent when time has passed."""
    if state.sent or now < state.at:
        return state, []
    return replace(state, at=now + _OUTCOME_SECONDS, sent=True), [state.request]


def _request_id(task_id: str, attempt: int) -> str:
    return f"{task_id}/webhook/{attempt}"


def _shortened(data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    kept = {name: one for name, one in data.items() if name in _OUTCOME}
    error = kept.get("error")
    if isinstance(error, dict):
        kept["error"] = {**error, "message": str(error.get("message", ""))[:_LONGEST_MESSAGE]}
    return {**kept, "partial": True}
