"""Which permission a request needs: that of the route that will handle it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from app.gateway.problems import Refusal, as_refusal
from app.security.permissions import ROUTES

#: Stands for all methods of what is mounted.
_ANY = "ANY"


@dataclass(frozen=True, slots=True)
class _Route:
    pattern: re.Pattern[str]
    methods: frozenset[str]
    path: str


class RoutePermissions:
    """Finds the action that a request is, by the patterns of the application's own routes, in their order."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [
            _Route(one.path_regex, frozenset(one.methods or {_ANY}), one.path or "")
            for one in iter_route_contexts([*routes])
        ]

    def names(self) -> Iterator[str]:
        """Yield each route as the table of permissions names it."""
        for route in self._routes:
            yield from (f"{method} {route.path}" for method in sorted(route.methods))

    def action(self, method: str, path: str) -> str | None:
        """Return the action that a request is; None: its route is not in the table.

        Raises:
            Refusal: no route handles it.
        """
        allowed: set[str] = set()
        for route in self._routes:
            if route.pattern.match(path):
                if not route.methods.isdisjoint({method, _ANY}):
                    return ROUTES.get(f"{_ANY if _ANY in route.methods else method} {route.path}")
                allowed |= route.methods
        raise _unhandled(allowed)


def _unhandled(allowed: set[str]) -> Refusal:
    if not allowed:
        return as_refusal(HTTPException(HTTPStatus.NOT_FOUND))
    refusal = as_refusal(HTTPException(HTTPStatus.METHOD_NOT_ALLOWED))
    refusal.headers = {"Allow": ", ".join(sorted(allowed))}
    return refusal
