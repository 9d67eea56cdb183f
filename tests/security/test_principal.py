from __future__ import annotations

import pytest

from app.security import principal as module
from app.security.principal import ANONYMOUS, LOCAL, Principal


def test_that_nobody_may_do_what_no_role_allows() -> None:
    reader = Principal("r", "api_key", actions=frozenset({"tasks:read"}))
    assert reader.may("tasks:read")
    assert not reader.may("tasks:submit")
    assert not ANONYMOUS.may("tasks:read")
    assert LOCAL.may("anything:new")


def test_that_what_concerns_all_tenants_is_not_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEEDS_ALL_TENANTS", frozenset({"config:write"}))
    actions = frozenset({"*", "config:write"})
    assert not Principal("t", "api_key", tenant="acme", actions=actions).may("config:write")
    assert not Principal("t", "api_key", tenant="", actions=actions).may("config:write")
    assert Principal("all", "api_key", actions=actions).may("config:write")


def test_that_a_tenant_is_all_that_it_sees() -> None:
    assert [Principal("t", "token", tenant="acme").may_see(other) for other in ("acme", "", "acme2")] == [
        True,
        False,
        False,
    ]
    assert [Principal("t", "token", tenant="").may_see(other) for other in ("acme", "")] == [False, True]
    assert Principal("all", "token").may_see("acme")


@pytest.mark.parametrize(
    ("patterns", "name", "allowed"),
    [
        (None, "ask", True),
        ((), "ask", False),
        (("ask",), "ask", True),
        (("ask",), "asks", False),
        (("support-*",), "support-answer", True),
        (("support-*",), "Support-answer", False),
        (("a", "*b"), "ab", True),
    ],
)
def test_that_names_match_patterns(patterns: tuple[str, ...] | None, name: str, allowed: bool) -> None:  # noqa: FBT001  # a table
    asking = Principal("p", "api_key", workflows=patterns, models=patterns)
    assert asking.may_use_workflow(name) is allowed
    assert asking.may_use_model(name) is allowed
