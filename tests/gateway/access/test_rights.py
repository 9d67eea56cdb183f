from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import aiohttp
import pytest

from app.client import api_keys
from app.client.client import Client
from app.client.topic_ranges import read_since
from app.gateway.access.rights import idempotency_scope, require_may_send, roles_for, tenant_for
from app.gateway.problems import Refusal
from app.security.principal import LOCAL, Principal
from tests.gateway.keys import granting
from tests.gateway.requests import call
from topics import TASKS
from topics.api_keys import ApiKeyEvent, HashedSecret
from topics.tasks import SpendLimit, Task


def principal(**fields: Any) -> Principal:
    return Principal("key:k", "api_key", **fields)


def judged(model: str) -> dict[str, Any]:
    return {"strategy": "best-of-n", "judge": model}


def test_that_a_task_is_for_the_tenant_of_its_sender() -> None:
    assert tenant_for(LOCAL, "acme") == tenant_for(principal(), "acme") == "acme"
    assert tenant_for(principal(tenant="acme"), "") == tenant_for(principal(tenant="acme"), "acme") == "acme"
    assert tenant_for(principal(tenant=""), "") == ""
    for own in ("acme", ""):
        with pytest.raises(Refusal, match="may not name other") as caught:
            tenant_for(principal(tenant=own), "other")
        assert (caught.value.status, caught.value.code) == (403, "forbidden")


def test_that_a_task_has_no_roles_but_those_of_its_sender() -> None:
    ann = principal(roles=("submitter", "hr"))
    assert roles_for(ann, ()) == ("submitter", "hr")
    assert roles_for(ann, ("hr",)) == ("hr",)
    assert (roles_for(LOCAL, ()), roles_for(LOCAL, ("law",))) == ((), ("law",))
    with pytest.raises(Refusal, match="you do not have the role law") as caught:
        roles_for(ann, ("hr", "law"))
    assert (caught.value.status, caught.value.code) == (403, "forbidden")


def test_that_an_idempotency_key_is_its_senders() -> None:
    one, other = principal(), Principal("key:l", "api_key")
    scopes = [idempotency_scope("tasks", tenant, caller) for tenant in ("", "a") for caller in (LOCAL, one, other)]
    assert len({*scopes}) == 6
    assert idempotency_scope("tasks", "a", LOCAL) == "tasks/a"  # as it was before there were principals


@pytest.mark.parametrize(
    ("task", "allowed"),
    [
        (Task(workflow="ask", input={}), True),
        (Task(workflow="asks", input={}), False),
        (Task(workflow="passthrough", input={"overrides": {"models": ["gpt"]}}), True),
        (Task(workflow="passthrough", input={"overrides": {"models": ["gpt", "claude"]}}), False),
        (Task(workflow="passthrough", input={"overrides": {"models": []}}), False),
        (Task(workflow="passthrough", input={"overrides": {"models": {"gpt": 1}}}), False),
        (Task(workflow="passthrough", input={"overrides": ["gpt"]}), False),
        (Task(workflow="passthrough", input={}), False),  # the router, which may choose any
        (Task(workflow="passthrough", input={"overrides": {"models": ["gpt"], "fusion": {"strategy": "vote"}}}), True),
        (Task(workflow="passthrough", input={"overrides": {"models": ["gpt"], "fusion": judged("claude")}}), False),
        (Task(workflow="panel", input={"overrides": {"models": ["gpt"], "fusion": judged("gpt")}}), True),
        (Task(workflow="panel", input={"overrides": {"models": ["gpt"], "fusion": judged("claude")}}), False),
        (Task(workflow="panel", input={"overrides": {"models": ["gpt", "claude"]}}), False),
        (Task(workflow="panel", input={}), False),
        (Task(workflow="count_tokens", input={"model": "gpt"}), True),
        (Task(workflow="count_tokens", input={"model": "claude"}), False),
        (Task(workflow="embed", input={}), False),
        (Task(workflow="ask", tenant="other", input={}), False),
    ],
)
def test_that_only_allowed_workflows_and_models_are_asked(task: Task, allowed: bool) -> None:  # noqa: FBT001  # a table
    caller = principal(tenant="", workflows=("ask",), models=("gpt",))
    if allowed:
        require_may_send(caller, task, "minilm")
    else:
        with pytest.raises(Refusal) as caught:
            require_may_send(caller, task, "minilm")
        assert (caught.value.status, caught.value.code) == (403, "forbidden")
    require_may_send(LOCAL, task, "minilm")


def test_that_the_router_and_the_embedder_are_models() -> None:
    caller = principal(workflows=(), models=("auto", "minilm"))
    for workflow in ("passthrough", "embed"):
        require_may_send(caller, Task(workflow=workflow, input={}), "minilm")


async def test_that_the_limit_of_a_key_is_on_its_tasks_and_may_change_between_repetitions(
    gateway: aiohttp.ClientSession, admin: str, client: Client
) -> None:
    wanted = {"owner": "o", "roles": ["submitter"], "spend_limit": 5.0, "spend_period": 60}
    _, made = await call(gateway, "POST", "/v1/keys", wanted, x_api_key=admin)
    sent = {"input": {"question": "?"}}
    headers = {"x_api_key": made["key"], "Idempotency_Key": "k"}
    first = await call(gateway, "POST", "/v1/tasks", sent, **headers)
    [task] = [TASKS.parse(one.value, max_bytes=10_000) for one in await read_since(client, None, [TASKS])]
    assert task.spend_limit == SpendLimit(name=f"api-key.{made['id']}", limit=5.0, period=60)
    status, said = await call(gateway, "POST", "/v1/tasks", {**sent, "spend_limit": None}, x_api_key=made["key"])
    assert (status, said["code"]) == (422, "invalid_request")
    key = granting(
        "submitter", spend_limit=7.0, secrets=[HashedSecret(sha256=sha256(made["key"].encode()).hexdigest())]
    )
    await api_keys.send(client, ApiKeyEvent(kind="key", id=made["id"], at=datetime.now(UTC), api_key=key))
    async with asyncio.timeout(20):
        while (await call(gateway, "GET", f"/v1/keys/{made['id']}", x_api_key=admin))[1]["spend_limit"] != 7.0:
            pass
    assert await call(gateway, "POST", "/v1/tasks", sent, **headers) == first
