"""`call_webhook`: tells the receiver that a task has named that it has ended.

A call that fails is not repeated here: its outcome says when to try again, and the agent `retry_webhook` keeps it until
then. What has failed for too long is a dead letter.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from agents.base import request_agent
from app.delivery.envelope import Outgoing, Received
from app.delivery.responder import Responder
from app.dependencies import Dependencies
from app.errors import WebhookError
from app.settings import WebhookSettings
from app.workflows.webhooks import next_attempt
from topics import WEBHOOK_REQUESTS, WEBHOOK_RESULTS
from topics.base import Failure
from topics.webhook_requests import WebhookRequest
from topics.webhook_results import WebhookResult

RESPONDER = Responder(
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
    WebhookResult,
    "outcome",
    "the webhook could not be called; see dead-letters",
    identity=("id", "task_id", "attempt"),
)
#: Each delay is so many times the one before, until it is the longest (seconds).
_GROWTH, _LONGEST_DELAY = 4.0, 3600.0
_MOST_GROWTH = 20
_rng = random.Random()  # noqa: S311  # it spreads retries, and guards nothing


async def handle(received: Received[WebhookRequest], deps: Dependencies) -> Sequence[Outgoing]:
    """Call the webhook once, and return the outcome.

    Raises:
        WebhookError: it cannot be delivered, now or later.
    """
    request, started = received.event, time.perf_counter()
    failed: dict[str, object] = {}
    with deps.tracer.span("call webhook", received.traceparent, "client", {"meta_ai.attempt": request.attempt}):
        try:
            await deps.webhooks.send(request)
        except WebhookError as error:
            deps.tracer.annotate({"error.type": error.code})
            retry_at = _retry_at(request, error, deps.settings.webhooks, time.time())
            if retry_at is None:
                raise
            failed = {"error": Failure.of(error), "retry_at": retry_at, "next": next_attempt(request)}
    seconds = round(time.perf_counter() - started, 6)
    return RESPONDER.outgoing(received, RESPONDER.make(request, seconds=seconds, **failed))


def _retry_at(request: WebhookRequest, error: WebhookError, settings: WebhookSettings, now: float) -> datetime | None:
    """Return when to try again; None if that is no use, or has been tried for long enough."""
    growth = _GROWTH ** min(request.attempt - 1, _MOST_GROWTH)
    delay = min(max(settings.first_retry * growth, error.retry_after or 0.0), _LONGEST_DELAY)
    at = now + delay * _rng.uniform(1.0, 1.25)
    ends = request.body.timestamp.timestamp() + settings.retry_for
    return datetime.fromtimestamp(at, UTC) if error.retryable and at <= ends else None


def _lane(request: WebhookRequest) -> str:
    """Return the receiver's host: one that is slow holds up no other."""
    return urlsplit(request.webhook).netloc or request.webhook


AGENT = request_agent("call_webhook", RESPONDER, handle, lane=_lane, expires=False)
