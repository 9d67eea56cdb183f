from __future__ import annotations

from app.gateway.access.audit_trail import PER_MINUTE
from app.gateway.access.jwks import FRESH_SECONDS, REFETCH_SECONDS
from app.gateway.rest.key_routes import LONGEST_OVERLAP
from app.security.api_keys import OVERLAP
from app.security.permissions import ANY_ACTION, ROLES, known_actions
from app.settings import GatewaySecurity
from tests.docs.pages import first_codes, text

PAGE = "docs/access.md"


def test_every_role_and_action_is_described() -> None:
    assert [*first_codes(PAGE, "role", "what it may do")] == [*ROLES]
    assert [*first_codes(PAGE, "action", "routes")] == sorted(known_actions() - {ANY_ACTION})


def test_the_numbers_are_those_that_hold() -> None:
    page = text(PAGE).replace("\n", " ")
    assert f"(at most {PER_MINUTE} a minute of each kind)" in page
    assert (
        f"`gateway.security.failures_per_minute` wrong credentials ({GatewaySecurity().failures_per_minute} if absent)"
        in page
    )
    assert f"fetched every {FRESH_SECONDS / 60:g} minutes" in page
    assert f"at most every {REFETCH_SECONDS:g} seconds" in page
    assert f"({OVERLAP:g} if absent, {LONGEST_OVERLAP / 86400:g} days at most)" in page
