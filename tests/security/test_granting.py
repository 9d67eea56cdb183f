from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.security.granting import excess
from app.security.permissions import Roles
from app.security.principal import LOCAL, Principal
from topics.api_keys import ApiKey

ROLES = Roles({"keeper": ["keys:manage", "tasks:read"], "hr": []})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def granting(*roles: str, **fields: Any) -> ApiKey:
    return ApiKey(owner="me", roles=roles, created_at=NOW, created_by="me", secrets=(), **fields)


def keeper(role: str = "keeper", **fields: Any) -> Principal:
    return Principal("key:k", "api_key", roles=(role,), actions=ROLES.actions([role]), **fields)


@pytest.mark.parametrize("granted", [granting("admin"), granting("viewer", tenant="acme"), granting(workflows=("a*",))])
def test_that_whoever_may_do_all_may_give_all_away(granted: ApiKey) -> None:
    assert excess(LOCAL, granted, ROLES) is None


@pytest.mark.parametrize(
    ("principal", "granted", "more"),
    [
        (keeper(), granting("keeper"), None),
        (keeper(), granting("keeper", "hr"), "roles beside its own, with which others' documents are found: hr"),
        (keeper(), granting("submitter"), "the actions adapters:read, feedback:give"),
        (keeper(), granting("admin"), r"the actions \*"),
        (keeper("admin", tenant="acme"), granting("admin", tenant="acme"), None),
        (keeper("admin", tenant="acme"), granting("admin"), "another tenant than acme"),
        (keeper("admin", tenant="acme"), granting("admin", tenant="other"), "another tenant than acme"),
        (keeper("admin", tenant="acme"), granting("admin", tenant=""), "another tenant than acme"),
        (keeper("admin", workflows=("a*",)), granting("viewer", workflows=("a*", "ask")), None),
        (keeper("admin", workflows=("a*",)), granting("viewer", workflows=("as*",)), r"workflows beside a\*"),
        (keeper("admin", workflows=("a*",)), granting("viewer"), r"workflows beside a\*"),
        (keeper("admin", workflows=("[*]",)), granting("viewer", workflows=("*",)), "workflows beside"),
        (keeper("admin", models=("gpt",)), granting("viewer", models=("claude",)), "models beside gpt"),
        (keeper("admin", models=("gpt",)), granting("viewer", models=()), None),
        (keeper("admin", requests_per_minute=5), granting("viewer"), "keys beside its own"),
    ],
)
def test_that_nobody_gives_away_more_than_they_have(principal: Principal, granted: ApiKey, more: str | None) -> None:
    found = excess(principal, granted, ROLES)
    assert (found is None) == (more is None)
    assert more is None or re.match(more, found or "")
