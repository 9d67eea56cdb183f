from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from app.gateway.access.admission import Admission, unauthenticated
from app.gateway.access.audit_trail import AuditTrail
from app.gateway.access.route_permissions import RoutePermissions
from app.gateway.problems import Refusal
from app.security import permissions
from app.security.permissions import Roles
from app.security.principal import LOCAL, Principal

_KNOWN = {
    "reader": Principal("key:r", "api_key", roles=("viewer",), actions=Roles({}).actions(["viewer"])),
    "admin": Principal("key:a", "api_key", roles=("admin",), actions=Roles({}).actions(["admin"])),
}


async def authenticate(credentials: str, address: str) -> Principal:  # noqa: ARG001  # as it is called
    if credentials not in _KNOWN:
        raise unauthenticated("unknown")
    return _KNOWN[credentials]


class _Trail(AuditTrail):
    def __init__(self) -> None:
        pass

    def note(self, refusal: Refusal, scope: Any) -> None:
        pass


async def _endpoint(*_: Any) -> None: ...


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> RoutePermissions:
    table = {"GET /open": "public", "GET /tasks/{id}": "tasks:read", "POST /tasks/{id}": "tasks:submit"}
    monkeypatch.setattr("app.gateway.access.route_permissions.ROUTES", {**table, "ANY /tools": "tasks:submit"})
    return RoutePermissions(
        [
            Route("/open", _endpoint, methods=["GET"]),
            Route("/tasks/{id}", _endpoint, methods=["GET"]),
            Route("/tasks/{id}", _endpoint, methods=["POST"]),
            Route("/forgotten", _endpoint, methods=["GET"]),
            Mount("/tools", Starlette()),
        ]
    )


async def admitted(
    routes: RoutePermissions, request: str, *headers: tuple[str, str], secured: bool = True
) -> Principal:
    method, path = request.split()
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": raw, "state": {}}
    await Admission(routes, Roles({}), _Trail(), authenticate if secured else None)(scope, {})
    principal: Principal = scope["state"]["principal"]
    return principal


async def refusal(routes: RoutePermissions, request: str, *headers: tuple[str, str]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await admitted(routes, request, *headers)
    return caught.value


@pytest.mark.parametrize(
    "header", [("authorization", "Bearer reader"), ("authorization", "bearer  reader "), ("x-api-key", "reader")]
)
async def test_that_credentials_are_read_as_sdks_send_them(routes: RoutePermissions, header: tuple[str, str]) -> None:
    assert (await admitted(routes, "GET /tasks/1", header)).id == "key:r"


async def test_that_the_same_credentials_may_come_twice_but_not_others(routes: RoutePermissions) -> None:
    key = ("x-api-key", "reader")
    assert (await admitted(routes, "GET /tasks/1", key, ("authorization", "Bearer reader"))).id == "key:r"
    found = await refusal(routes, "GET /tasks/1", key, ("authorization", "Bearer admin"))
    assert (found.status, found.code) == (401, "unauthenticated")


@pytest.mark.parametrize("value", ["Basic cmVhZGVyOg==", "reader", "Bearer", "Bearer ", ""])
async def test_that_another_scheme_is_refused(routes: RoutePermissions, value: str) -> None:
    found = await refusal(routes, "GET /open", ("authorization", value))
    assert (found.status, found.code) == (401, "unauthenticated")


@pytest.mark.parametrize("request_", ["GET /tasks/1", "GET /forgotten", "GET /nothing", "PUT /tasks/1", "GET /tools/x"])
async def test_that_nobody_gets_in_or_is_told_what_there_is(routes: RoutePermissions, request_: str) -> None:
    found = await refusal(routes, request_)
    assert (found.status, found.code) == (401, "unauthenticated")
    assert found.headers["WWW-Authenticate"] == 'Bearer realm="meta-ai"'


async def test_that_a_public_route_needs_no_credentials(routes: RoutePermissions) -> None:
    assert (await admitted(routes, "GET /open")).kind == "anonymous"


async def test_that_what_no_role_allows_is_refused_with_what_is_missing(routes: RoutePermissions) -> None:
    found = await refusal(routes, "POST /tasks/1", ("x-api-key", "reader"))
    assert (found.status, found.code) == (403, "forbidden")
    assert found.detail.startswith("tasks:submit is not allowed to your roles (viewer); it takes submitter or operator")
    assert (await refusal(routes, "PATCH /tools/x", ("x-api-key", "reader"))).status == 403
    for one in ("POST /tasks/1", "PATCH /tools/x", "GET /tools/"):
        assert (await admitted(routes, one, ("x-api-key", "admin"))).id == "key:a"


async def test_that_a_route_outside_the_table_is_denied_to_everybody(routes: RoutePermissions) -> None:
    found = await refusal(routes, "GET /forgotten", ("x-api-key", "admin"))
    assert (found.status, found.code) == (403, "forbidden")
    with pytest.raises(Refusal, match="in no table of permissions"):
        await admitted(routes, "GET /forgotten", secured=False)


async def test_that_what_no_route_handles_is_not_found(routes: RoutePermissions) -> None:
    assert (await refusal(routes, "GET /nothing", ("x-api-key", "reader"))).status == 404
    found = await refusal(routes, "PUT /tasks/1", ("x-api-key", "reader"))
    assert (found.status, found.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_that_what_concerns_all_tenants_is_refused_to_one(
    routes: RoutePermissions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("app.security.principal", "app.gateway.access.admission"):
        monkeypatch.setattr(f"{module}.NEEDS_ALL_TENANTS", frozenset({"tasks:read"}))
    bound = Principal("key:t", "api_key", tenant="acme", roles=("viewer",), actions=permissions.ROLES["viewer"])
    monkeypatch.setitem(_KNOWN, "bound", bound)
    found = await refusal(routes, "GET /tasks/1", ("x-api-key", "bound"))
    assert "tasks:read concerns all tenants, and you are bound to the tenant acme" in found.detail


async def test_that_without_authentication_everybody_is_local(routes: RoutePermissions) -> None:
    assert await admitted(routes, "POST /tasks/1", ("authorization", "Basic x"), secured=False) is LOCAL
