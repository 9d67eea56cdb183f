from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError
from app.security.policies import Policies
from app.security.principal import LOCAL, Principal
from app.settings import PolicySettings
from topics.tasks import Task

ANN = Principal("key:ann", "api_key", tenant="acme", roles=("submitter",))
TASK = Task(id="t", workflow="refund", input={"amount": 50, "order": {"country": "de"}})
REFUND = {"id": "refund", "version": 3, "description": "gives money back"}


def policy(when: str, name: str = "p", **fields: Any) -> PolicySettings:
    return PolicySettings(name=name, when=when, **{"reason": "because", **fields})


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
    assert Policies([policy(when)]).denial(ANN, TASK, REFUND) == expected


def test_that_the_first_that_matches_decides() -> None:
    allow, deny = policy("task.input.amount < 100", "small", effect="allow"), policy("true", "all")
    assert Policies([allow, deny]).denial(ANN, TASK, REFUND) is None
    assert Policies([deny, allow]).denial(ANN, TASK, REFUND) == "the policy all denies this: because"
    large = TASK.model_copy(update={"input": {"amount": 100}})
    assert Policies([allow, deny]).denial(ANN, large, REFUND) == "the policy all denies this: because"
    assert Policies([]).denial(ANN, TASK, {}) is None


@pytest.mark.parametrize("effect", ["allow", "deny"])
@pytest.mark.parametrize(
    "when", ["task.input.nothing > 1", "task.input.amount == workflow.missing", "task.input.amount", "null"]
)
def test_that_what_cannot_be_evaluated_denies(when: str, effect: str) -> None:
    found = Policies([policy(when, effect=effect)]).denial(LOCAL, TASK, REFUND)
    assert found
    assert found.startswith("the policy p ")


@pytest.mark.parametrize("when", ["task.", "nothing(task)", "secrets.key == 'a'"])
def test_that_a_wrong_policy_is_refused_at_the_start(when: str) -> None:
    with pytest.raises(ConfigurationError, match=r"gateway\.security\.policies\.p"):
        Policies([policy(when)])
