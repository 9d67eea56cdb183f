from __future__ import annotations

import re

import pytest

from app.errors import ConfigurationError
from app.security.permissions import ANY_ACTION, NEEDS_ALL_TENANTS, PUBLIC, ROLES, ROUTES, Roles, known_actions


def test_that_every_route_has_a_well_formed_action() -> None:
    assert all(re.fullmatch(r"[a-z-]+:[a-z]+", action) for action in ROUTES.values() if action != PUBLIC)
    assert all(re.fullmatch(r"(GET|HEAD|POST|PUT|PATCH|DELETE|ANY) /\S+", route) for route in ROUTES)


def test_that_roles_allow_actions_that_exist_and_each_more_than_the_one_before() -> None:
    viewer, submitter, operator, admin = ROLES.values()
    assert viewer < submitter <= operator
    assert admin == {ANY_ACTION}
    assert {*viewer, *submitter, *operator, *NEEDS_ALL_TENANTS} <= known_actions()


def test_that_only_reading_is_allowed_to_viewers() -> None:
    assert all(action.endswith(":read") for action in ROLES["viewer"])


def test_that_roles_add_up_and_one_that_does_not_exist_allows_nothing() -> None:
    roles = Roles({"watcher": ["runs:read"]})
    assert roles.actions(["watcher", "gone"]) == {"runs:read"}
    assert roles.actions(["watcher", "submitter"]) == ROLES["submitter"]
    assert roles.actions([]) == frozenset()
    assert roles.allowing("runs:read") == ["viewer", "submitter", "operator", "admin", "watcher"]
    assert "watcher" in roles
    assert "gone" not in roles


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        ({"admin": ["runs:read"]}, "admin is a built-in role"),
        ({"watcher": ["runs:raed"]}, r"roles\.watcher: no action is called runs:raed; did you mean `runs:read`"),
        ({"watcher": ["public"]}, "no action is called public"),
    ],
)
def test_that_a_wrong_role_is_refused(custom: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Roles(custom)
