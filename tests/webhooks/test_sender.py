from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import WebhookError
from app.settings import WebhookSettings
from app.webhooks.sender import WebhookSender
from tests.test_addresses import Resolver
from tests.webhooks.receiving import KEY, Receiving, receiving
from topics.webhook_requests import WebhookBody, WebhookRequest

BODY = WebhookBody(type="task.succeeded", timestamp=datetime(2026, 1, 1, tzinfo=UTC), data={"answer": "Ä"})
LOCAL = {"signing_keys": [KEY], "allow_http": True, "allow_networks": ["127.0.0.1/32"]}


@asynccontextmanager
async def sender(resolver: Any = None, **settings: Any) -> AsyncIterator[WebhookSender]:
    found = WebhookSender(WebhookSettings.model_validate({**LOCAL, **settings}), resolver=resolver)
    try:
        yield found
    finally:
        await found.close()


def request(webhook: str, task_id: str = "t") -> WebhookRequest:
    return WebhookRequest(id=f"{task_id}/webhook/1", task_id=task_id, webhook=webhook, body=BODY)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiving]:
    async with receiving() as found:
        yield found


async def refused(sender: WebhookSender, webhook: str) -> WebhookError:
    with pytest.raises(WebhookError) as raised:
        await sender.send(request(webhook))
    return raised.value


async def test_that_it_is_received_signed(receiver: Receiving) -> None:
    async with sender() as found:
        for task_id in ("t", "Ä\N{SNOWMAN}.", "t"):
            await found.send(request(receiver.url, task_id))
    assert receiver.bodies[0] == {
        "type": "task.succeeded",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {"answer": "Ä"},
    }
    assert receiver.ids[0] == receiver.ids[2] != receiver.ids[1]


@pytest.mark.parametrize(
    ("status", "headers", "retryable", "after"),
    [
        (500, {}, True, None),
        (404, {}, True, None),
        (429, {"Retry-After": "7"}, True, 7.0),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, True, None),
        (410, {}, False, None),
        (302, {"Location": "http://169.254.169.254/"}, True, None),
    ],
)
async def test_that_what_is_not_accepted_is_an_error(
    receiver: Receiving,
    status: int,
    headers: dict[str, str],
    retryable: bool,  # noqa: FBT001  # a parameter of the test
    after: float | None,
) -> None:
    receiver.answers = [(status, headers)]
    async with sender() as found:
        error = await refused(found, receiver.url)
    assert (str(error), error.retryable, error.retry_after) == (f"HTTP {status}", retryable, after)
    assert len(receiver.bodies) == 1


async def test_that_who_cannot_be_reached_is_tried_again(receiver: Receiving) -> None:
    receiver.delay = 5.0
    async with sender(timeout=0.1) as found:
        error = await refused(found, receiver.url)
        assert (str(error), error.retryable) == ("no answer within 0.1 s", True)
        error = await refused(found, "http://127.0.0.1:1/hook")
        assert error.retryable
        assert "127.0.0.1:1" not in str(error)


async def test_that_this_machine_is_not_called_unless_that_is_allowed(receiver: Receiving) -> None:
    port = receiver.url.split(":")[2]
    hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::1]"]
    async with sender(allow_networks=[]) as found:
        for host in hosts:
            error = await refused(found, f"http://{host}:{port}")
            assert not error.retryable, host
    assert receiver.bodies == []


async def test_that_a_name_is_checked_as_it_leads_now(receiver: Receiving) -> None:
    """DNS rebinding: what is connected to is what was checked, and that is looked up for each connection."""
    resolver = Resolver("127.0.0.1")
    hook = receiver.url.replace("127.0.0.1", "rebinding.example")
    async with sender(resolver) as found:
        await found.send(request(hook))
        await found._sessions[False].connector.close()  # type: ignore[union-attr]  # as when the receiver closes it
        found._sessions.clear()
        resolver._addresses = ("127.0.0.2",)
        error = await refused(found, hook)
        assert (error.retryable, "127.0.0.2" in str(error)) == (False, True)
    assert len(receiver.bodies) == 1


async def test_that_an_endpoint_of_the_settings_may_be_anywhere_and_nobody_else_by_its_connections(
    receiver: Receiving,
) -> None:
    endpoints = {"here": {"url": receiver.url, "signing_keys": [KEY]}}
    async with sender(allow_networks=[], endpoints=endpoints) as found:
        await found.send(request("here"))
        assert not (await refused(found, receiver.url)).retryable
    assert len(receiver.bodies) == 1
