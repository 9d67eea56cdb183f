"""Tasks that a policy wants to be approved, over HTTP; workers are played by what is on the topics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.settings import PolicySettings, Settings
from tests.gateway.keys import in_force, new_key, secured, serving
from tests.gateway.requests import call
from topics import AUDIT, SIGNALS, TASKS
from topics.tasks import Approval

RULE = PolicySettings(
    name="large",
    when="task.input.amount > 1000.0",
    effect="require_approval",
    reason="two pairs of eyes",
    approval_timeout=60.0,
)
LARGE: dict[str, Any] = {"input": {"amount": 5000.0}}


@pytest.fixture
async def gateway(embedded: Connection, settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(secured(settings, policies=(RULE,)), embedded) as http:
        yield http


@pytest.fixture
async def keys(gateway: aiohttp.ClientSession, client: Client) -> dict[str, str]:
    made = {name: await new_key(client, name) for name in ("submitter", "operator", "viewer")}
    for key in made.values():
        await in_force(gateway, key)
    return made


async def events(client: Client, topic: Any) -> list[Any]:
    return [event for one in await read_since(client, None, [topic]) if (event := topic.event_in(one))]


async def test_that_an_operator_approves_what_somebody_else_has_sent(
    gateway: aiohttp.ClientSession, client: Client, keys: dict[str, str]
) -> None:
    _, sent = await call(gateway, "POST", "/v1/tasks", LARGE, x_api_key=keys["submitter"])
    (task,) = await events(client, TASKS)
    by = f"key:{keys['submitter'].split('_')[1]}"
    assert task.approval == Approval(policy="large", reason=RULE.reason, requested_by=by, seconds=60.0)
    path = f"/v1/tasks/{sent['id']}/approve"
    for name in ("submitter", "viewer"):
        assert (await call(gateway, "POST", path, {}, x_api_key=keys[name]))[0] == 403
    assert await events(client, SIGNALS) == []
    assert (await call(gateway, "POST", path, {"reason": "seen"}, x_api_key=keys["operator"]))[0] == 202
    (signal,) = await events(client, SIGNALS)
    assert (signal.kind, signal.name, signal.task_id) == ("approve", "seen", sent["id"])
    noted = [one for one in await events(client, AUDIT) if one.action == "task.approved"]
    assert [(one.actor, one.subject) for one in noted] == [(signal.actor, sent["id"])]
    assert noted[0].details == {"policy": "large", "requested_by": by, "reason": "seen"}


async def test_that_nobody_approves_their_own_task_but_may_reject_none_either(
    gateway: aiohttp.ClientSession, client: Client, keys: dict[str, str]
) -> None:
    _, sent = await call(gateway, "POST", "/v1/tasks", LARGE, x_api_key=keys["operator"])
    for decision in ("approve", "reject"):
        status, said = await call(gateway, "POST", f"/v1/tasks/{sent['id']}/{decision}", {}, x_api_key=keys["operator"])
        assert (status, said["code"]) == (403, "forbidden")
        assert "ask somebody else" in said["detail"]
    assert await events(client, SIGNALS) == []


async def test_that_a_task_that_needs_no_approval_says_so(
    gateway: aiohttp.ClientSession, client: Client, keys: dict[str, str]
) -> None:
    small = {"input": {"amount": 1.0}}
    _, sent = await call(gateway, "POST", "/v1/tasks", small, x_api_key=keys["submitter"])
    (task,) = await events(client, TASKS)
    assert task.approval is None
    status, said = await call(gateway, "POST", f"/v1/tasks/{sent['id']}/reject", {}, x_api_key=keys["operator"])
    assert (status, said["code"]) == (409, "no_approval_wanted")


async def test_that_an_approval_cannot_be_brought_along_or_left_out(
    gateway: aiohttp.ClientSession, keys: dict[str, str]
) -> None:
    for approval in (None, {"policy": "mine", "seconds": 1.0}):
        body = {**LARGE, "approval": approval}
        assert (await call(gateway, "POST", "/v1/tasks", body, x_api_key=keys["submitter"]))[0] == 422


async def test_that_a_repetition_is_the_same_task_whoever_must_approve_it(
    gateway: aiohttp.ClientSession, client: Client, keys: dict[str, str]
) -> None:
    headers = {"x_api_key": keys["submitter"], "idempotency_key": "once"}
    first, again = [await call(gateway, "POST", "/v1/tasks", LARGE, **headers) for _ in range(2)]
    assert first == again
    assert len(await events(client, TASKS)) == 1
