from __future__ import annotations

from typing import Any

import pytest

from app.gateway.access.rights import idempotency_scope, require_may_send, tenant_for
from app.gateway.problems import Refusal
from app.security.principal import LOCAL, Principal
from topics.tasks import Task


def principal(**fields: Any) -> Principal:
    return Principal("key:k", "api_key", **fields)


def test_that_a_task_is_for_the_tenant_of_its_sender() -> None:
    assert tenant_for(LOCAL, "acme") == tenant_for(principal(), "acme") == "acme"
    assert tenant_for(principal(tenant="acme"), "") == tenant_for(principal(tenant="acme"), "acme") == "acme"
    assert tenant_for(principal(tenant=""), "") == ""
    for own in ("acme", ""):
        with pytest.raises(Refusal, match="a task cannot be for other") as caught:
            tenant_for(principal(tenant=own), "other")
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
