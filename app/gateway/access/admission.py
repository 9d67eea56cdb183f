"""Admit a request: authenticate whoever makes it, and see whether they may do what its route does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import Scope

from app.gateway.access.audit_trail import AuditTrail, address_of, principal_of
from app.gateway.access.route_permissions import RoutePermissions
from app.gateway.problems import Refusal
from app.security.permissions import NEEDS_ALL_TENANTS, PUBLIC, Roles
from app.security.principal import ANONYMOUS, LOCAL, Principal
from app.security.rate_limits import RateLimits

#: Returns whose credentials these are, from this address; raises Refusal if they are nobody's.
Authenticate = Callable[[str, str], Awaitable[Principal]]
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="meta-ai"'}


class Admission:
    """Puts the principal on a request's state, or refuses the request; without `authenticate`, everybody is local."""

    def __init__(
        self,
        permissions: RoutePermissions,
        roles: Roles,
        trail: AuditTrail,
        authenticate: Authenticate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._permissions = permissions
        self._roles = roles
        self._trail = trail
        self._authenticate = authenticate
        self._limits = RateLimits(clock)

    async def __call__(self, scope: Scope, headers: dict[str, str]) -> None:
        """Admit a request; `headers` are those of its response.

        Raises:
            Refusal: it may not be made, or no route handles it.
        """
        try:
            principal = await self._principal(Headers(scope=scope), address_of(scope))
            scope["state"]["principal"] = principal
            self._authorize(scope, principal)
            self._limit(principal, headers)
        except Refusal as refusal:
            self._trail.note(refusal, scope)
            raise

    async def _principal(self, given: Headers, address: str) -> Principal:
        if self._authenticate is None:
            return LOCAL
        credentials = _credentials(given)
        return await self._authenticate(credentials, address) if credentials else ANONYMOUS

    def _authorize(self, scope: Scope, principal: Principal) -> None:
        try:
            action = self._permissions.action(scope["method"], scope["path"])
        except Refusal:
            if principal is ANONYMOUS:  # who has no credentials is not told what there is
                raise unauthenticated(_HOW) from None
            raise
        if action == PUBLIC:
            return
        if principal is ANONYMOUS:
            raise unauthenticated(_HOW)
        if action is None or not principal.may(action):
            raise self._forbidden(principal, action)

    def _limit(self, principal: Principal, headers: dict[str, str]) -> None:
        if principal.requests_per_minute is None:
            return
        verdict = self._limits.take(principal.id, principal.requests_per_minute)
        headers.update(verdict.headers)
        if not verdict.allowed:
            text = f"more than {verdict.quota} requests in a minute; ask again in {verdict.retry_in} s"
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", text)

    def _forbidden(self, principal: Principal, action: str | None) -> Refusal:
        if action is None:
            return forbidden("this path is in no table of permissions, so nobody may use it")
        if principal.tenant is not None and action in NEEDS_ALL_TENANTS:
            return forbidden(f"{action} concerns all tenants, and you are bound to the tenant {principal.tenant}")
        have, need = ", ".join(principal.roles) or "none", " or ".join(self._roles.allowing(action))
        return forbidden(f"{action} is not allowed to your roles ({have}); it takes {need}")


_HOW = "send an API key or a token as Authorization: Bearer …, or as x-api-key"


def unauthenticated(detail: str) -> Refusal:
    """Return the refusal of a request whose sender is not known."""
    return Refusal(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers=_CHALLENGE)


def forbidden(detail: str) -> Refusal:
    """Return the refusal of a request that its sender may not make."""
    return Refusal(HTTPStatus.FORBIDDEN, "forbidden", detail)


async def _caller(request: Request) -> Principal:
    return principal_of(request.scope)


#: The principal of a request, as a parameter of a route.
Caller = Annotated[Principal, Depends(_caller)]


def _credentials(given: Headers) -> str:
    """Return the key or token of a request, as OpenAI's and Anthropic's SDKs send it; empty if there is none.

    Raises:
        Refusal: there are several, or they are of another scheme.
    """
    found = {key.strip() for key in given.getlist("x-api-key")}
    for header in given.getlist("authorization"):
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthenticated(f"the Authorization header is not of the form Bearer …; {_HOW}")
        found.add(token.strip())
    if len(found) > 1:
        raise unauthenticated(f"the request has several different credentials; {_HOW}")
    return found.pop() if found else ""
