from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.call_webhook import AGENT, RESPONDER, handle
from app.dependencies import Dependencies
from app.errors import WebhookError
from app.settings import Settings
from app.webhooks.sender import WebhookSender
from tests.agents.deps import assemble, received
from tests.delivery.fakes import Harness, Stream, until
from tests.webhooks.receiving import KEY, Receiving, receiving
from topics import DEAD_LETTERS, WEBHOOK_REQUESTS, WEBHOOK_RESULTS
from topics.webhook_requests import WebhookBody, WebhookRequest
from topics.webhook_results import WebhookResult


def request(url: str, attempt: int = 1, ended: float = 0.0) -> WebhookRequest:
    body = WebhookBody(type="task.succeeded", timestamp=datetime.now(UTC) - timedelta(seconds=ended), data={})
    return WebhookRequest(id=f"t/webhook/{attempt}", task_id="t", webhook=url, attempt=attempt, body=body)


def parts(harness: Harness | None = None, **settings: Any) -> Dependencies:
    local = {"signing_keys": [KEY], "allow_http": True, "allow_networks": ["127.0.0.1/32"], **settings}
    found = assemble(harness)
    webhooks = Settings.model_validate({"webhooks": local}).webhooks
    changed = found.settings.model_copy(update={"webhooks": webhooks})
    return replace(found, settings=changed, webhooks=WebhookSender(webhooks))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiving]:
    async with receiving() as found:
        yield found


async def outcome(deps: Dependencies, asked: WebhookRequest) -> WebhookResult:
    (outgoing,) = await handle(received(asked), deps)
    await deps.webhooks.close()
    assert (outgoing.topic, outgoing.key, outgoing.id) == (WEBHOOK_RESULTS, "t", f"{asked.id}/outcome")
    assert isinstance(outgoing.event, WebhookResult)
    assert outgoing.event.attempt == asked.attempt
    return outgoing.event


async def test_that_an_accepted_webhook_is_done(receiver: Receiving) -> None:
    found = await outcome(parts(), request(receiver.url))
    assert (found.error, found.next, found.retry_at) == (None, None, None)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("attempt", "headers", "least", "most"),
    [
        (1, {}, 5, 7),
        (3, {}, 80, 101),
        (30, {}, 3600, 4501),
        (1, {"Retry-After": "60"}, 60, 76),
        (1, {"Retry-After": "99999999"}, 3600, 4501),
    ],
)
async def test_that_a_failed_one_is_made_again_later(
    receiver: Receiving, attempt: int, headers: dict[str, str], least: float, most: float
) -> None:
    receiver.answers = [(503, headers)]
    asked, before = request(receiver.url, attempt), time.time()
    found = await outcome(parts(), asked)
    assert found.error
    assert (found.error.code, found.error.message) == ("webhook", "HTTP 503")
    assert found.next == asked.model_copy(update={"id": f"t/webhook/{attempt + 1}", "attempt": attempt + 1})
    assert found.retry_at
    assert least <= found.retry_at.timestamp() - before <= most


@pytest.mark.parametrize(("status", "ended"), [(500, 86400.0), (410, 0.0)])
async def test_that_it_is_given_up_after_a_day_or_when_the_receiver_is_gone(
    receiver: Receiving, status: int, ended: float
) -> None:
    receiver.status = status
    deps = parts()
    with pytest.raises(WebhookError):
        await handle(received(request(receiver.url, 40, ended)), deps)
    await deps.webhooks.close()


async def test_that_what_is_given_up_is_a_dead_letter_and_others_are_called_once(receiver: Receiving) -> None:
    harness, stream = Harness(), Stream()
    harness.own(WEBHOOK_REQUESTS.name, 0)
    deps = parts(harness)
    harness.start(AGENT.run(stream, deps))
    private = request("https://10.0.0.1/hook").model_copy(update={"id": "u/webhook/1", "task_id": "u"})
    asked = [private, request(receiver.url), request(receiver.url)]
    harness.deliver(stream, *(harness.message(WEBHOOK_REQUESTS, one) for one in asked))
    await until(lambda: harness.committable(WEBHOOK_REQUESTS) == 3)
    assert len(receiver.bodies) == 1
    (letter,) = harness.producer.on(DEAD_LETTERS)
    assert letter.value == private.to_json()
    assert dict(letter.headers)["dl_reason"] == b"webhook"
    outcomes = [WebhookResult.model_validate_json(one.value or b"") for one in harness.producer.on(WEBHOOK_RESULTS)]
    assert sorted((one.id, one.error is None, one.next) for one in outcomes) == [
        ("t/webhook/1", True, None),
        ("u/webhook/1", False, None),
    ]
    assert RESPONDER.failure_message
    await harness.stop()
    await deps.webhooks.close()
