from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError
from app.security.policies import Policies, PolicyDenied
from app.security.principal import LOCAL, Principal
from app.settings import PolicySettings
from topics.tasks import Approval, Task

ANN = Principal("key:ann", "api_key", tenant="acme", roles=("submitter",))
TASK = Task(id="t", workflow="refund", input={"amount": 50, "order": {"country": "de"}})
REFUND = {"id": "refund", "version": 3, "description": "gives money back"}


def policy(when: str, name: str = "p", **fields: Any) -> PolicySettings:
    return PolicySettings(name=name, when=when, **{"reason": "because", **fields})


def denial(policies: Policies, principal: Principal = ANN, task: Task = TASK) -> str | None:
    try:
        assert policies.approval(principal, task, REFUND) is None
    except PolicyDenied as denied:
        return str(denied)
    return None


@pytest.mark.parametrize(
    ("when", "denied"),
    [
        ("principal.tenant == 'acme'", True),
        ("principal.tenant == null", False),
        ("'submitter' in principal.roles && task.input.amount > 40", True),
        ("task.input.amount > 60", False),
        ("task.priority != null", False),
        ("task.version == null && task.tenant == ''", True),
        ("workflow.version == 3", True),
        ("principal.kind == 'token'", False),
        ("task.input.order.country != 'de'", False),
    ],
)
def test_that_a_policy_looks_at_principal_task_and_workflow(when: str, denied: bool) -> None:  # noqa: FBT001  # a table
    expected = "the policy p denies this: because" if denied else None
    assert denial(Policies([policy(when)])) == expected


def test_that_the_first_that_matches_decides() -> None:
    allow, deny = policy("task.input.amount < 100", "small", effect="allow"), policy("true", "all")
    assert denial(Policies([allow, deny])) is None
    assert denial(Policies([deny, allow])) == "the policy all denies this: because"
    large = TASK.model_copy(update={"input": {"amount": 100}})
    assert denial(Policies([allow, deny]), task=large) == "the policy all denies this: because"
    assert denial(Policies([])) is None


@pytest.mark.parametrize("effect", ["allow", "deny", "require_approval"])
@pytest.mark.parametrize(
    "when", ["task.input.nothing > 1", "task.input.amount == workflow.missing", "task.input.amount", "null"]
)
def test_that_what_cannot_be_evaluated_denies(when: str, effect: str) -> None:
    found = denial(Policies([policy(when, effect=effect)]), LOCAL)
    assert found
    assert found.startswith("the policy p ")


@pytest.mark.parametrize("when", ["task.", "nothing(task)", "secrets.key == 'a'"])
def test_that_a_wrong_policy_is_refused_at_the_start(when: str) -> None:
    with pytest.raises(ConfigurationError, match=r"gateway\.security\.policies\.p"):
        Policies([policy(when)])


@pytest.mark.parametrize(("principal", "by"), [(ANN, "key:ann"), (LOCAL, "")])
def test_that_a_policy_may_want_an_approval_by_somebody_else(principal: Principal, by: str) -> None:
    large = policy("task.input.amount > 40", "large", effect="require_approval", approval_timeout=60.0)
    found = Policies([large, policy("true")]).approval(principal, TASK, REFUND)
    assert found == Approval(policy="large", reason="because", requested_by=by, seconds=60.0)
    small = TASK.model_copy(update={"input": {"amount": 1}})
    assert Policies([large]).approval(principal, small, REFUND) is None
