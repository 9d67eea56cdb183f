from __future__ import annotations

from typing import Any

from app.client.client import Client
from app.gateway.access.route_permissions import RoutePermissions
from app.gateway.application import build
from app.gateway.parts import Parts
from app.security.permissions import ROUTES, Roles


async def test_that_the_table_has_every_route_and_no_other(client: Client) -> None:
    nothing: Any = None
    app = build(Parts(client.settings, client, *[nothing] * 8), Roles({}), nothing)
    assert sorted(RoutePermissions(app.routes).names()) == sorted(ROUTES)
