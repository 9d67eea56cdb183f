from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.workflows.run import WebhookRetry
from app.workflows.webhooks import MAX_BYTES, after_attempt, next_attempt, notify_webhook, shortened, when_due
from topics.base import Failure
from topics.results import Candidate, Result
from topics.tasks import Task
from topics.webhook_requests import WebhookRequest
from topics.webhook_results import WebhookResult

AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = AT.timestamp()
TASK = Task(id="t", input={}, webhook="https://a.example/hook", tenant="acme")
ERROR = Failure(code="webhook", message="HTTP 500")


def outcome(**fields: Any) -> Result:
    known = {"status": "succeeded", "answer": "because", "candidates": (Candidate(branch="m", model="m"),)}
    return Result(task_id="t", workflow="ask", accepted_at=AT, finished_at=AT, **{**known, **fields})


def request() -> WebhookRequest:
    (found,) = notify_webhook(TASK, outcome())
    return found


def failed(of: WebhookRequest) -> WebhookResult:
    return WebhookResult(id=of.id, task_id="t", attempt=of.attempt, error=ERROR, retry_at=AT, next=next_attempt(of))


def delivered(of: WebhookRequest) -> WebhookResult:
    return WebhookResult(id=of.id, task_id="t", attempt=of.attempt)


def test_that_only_who_wants_to_be_told_is() -> None:
    assert not [*notify_webhook(Task(id="t", input={}), outcome())]


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_that_the_result_is_told_without_what_is_long(status: str) -> None:
    (found,) = notify_webhook(TASK, outcome(status=status, metadata={"a": "b"}))
    assert (found.id, found.task_id, found.attempt, found.tenant) == ("t/webhook/1", "t", 1, "acme")
    assert (found.body.type, found.body.timestamp) == (f"task.{status}", AT)
    data = found.body.data
    assert (data["answer"], data["metadata"]) == ("because", {"a": "b"})
    assert not {"candidates", "steps", "partial"} & data.keys()


def test_that_a_long_result_is_told_by_its_outcome() -> None:
    long = "x" * MAX_BYTES
    for fields in ({"answer": long}, {"metadata": {"a": long}}, {"error": Failure(code="c", message=long)}):
        (found,) = notify_webhook(TASK, outcome(**fields))
        assert found.body.data["partial"] is True
        assert found.body.data["status"] == "succeeded"
        assert len(found.to_json()) < MAX_BYTES
    assert shortened(request()).body.data.keys() == {
        *("task_id", "workflow", "workflow_version", "status", "accepted_at", "finished_at", "partial")
    }


def test_that_a_failed_attempt_is_made_again_at_its_time_and_once() -> None:
    first = request()
    state = after_attempt(None, failed(first), NOW - 5)
    assert state == WebhookRetry(next_attempt(first), NOW)
    assert next_attempt(first).id == "t/webhook/2"
    assert when_due(state, NOW - 1) == (state, [])
    sent, commands = when_due(state, NOW)
    assert commands == [next_attempt(first)]
    assert sent.sent
    assert sent.wake_at > NOW
    assert when_due(sent, NOW + 1) == (sent, [])


def test_that_a_repeated_outcome_changes_nothing() -> None:
    first = request()
    state = after_attempt(None, failed(first), NOW)
    assert after_attempt(state, failed(first), NOW) is state
    assert state
    sent, _ = when_due(state, NOW)
    assert after_attempt(sent, failed(first), NOW) is sent
    again = after_attempt(sent, failed(sent.request), NOW)
    assert again
    assert (again.request.attempt, again.sent) == (3, False)


@pytest.mark.parametrize("sent", [False, True])
def test_that_a_delivered_webhook_is_forgotten(sent: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert after_attempt(None, delivered(request()), NOW) is None
    state = WebhookRetry(next_attempt(request()), NOW + 5, sent)
    over = after_attempt(state, delivered(state.request), NOW)
    assert over
    assert (over.sent, over.wake_at) == (True, NOW)
