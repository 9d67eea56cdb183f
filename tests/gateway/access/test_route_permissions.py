from __future__ import annotations

from app.gateway.access.route_permissions import RoutePermissions
from app.security.permissions import ROUTES
from app.settings import Settings
from tests.gateway.compatibility import unserved


def test_that_the_table_has_every_route_and_no_other() -> None:
    assert sorted(RoutePermissions(unserved(Settings()).routes).names()) == sorted(ROUTES)
