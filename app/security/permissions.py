"""The table of permissions: which action each route is, and which role may do it. What is in no table is denied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from app.errors import ConfigurationError
from app.suggestions import did_you_mean

#: Stands for all actions, also those that are added later.
ANY_ACTION = "*"
#: The action of routes that need no credentials.
PUBLIC = "public"

#: The action that each route of the gateway is, by its method and path; `ANY` is all methods of what is mounted there.
ROUTES: Mapping[str, str] = {
    "DELETE /v1/documents/{document_id:path}": "documents:write",
    "DELETE /v1/files/{file_id}": "tasks:submit",
    "GET /v1/adapters": "adapters:read",
    "GET /v1/adapters/{adapter}": "adapters:read",
    "GET /v1/audit": "audit:read",
    "GET /v1/batches": "tasks:read",
    "GET /v1/batches/{batch_id}": "tasks:read",
    "GET /v1/budgets": "budgets:read",
    "GET /v1/config": "config:read",
    "GET /v1/connectors": "config:read",
    "GET /v1/dead-letters": "dead-letters:read",
    "GET /v1/dead-letters/{topic}/{partition}/{offset}": "dead-letters:read",
    "GET /v1/documents": "documents:read",
    "GET /v1/documents/{document_id:path}": "documents:read",
    "GET /v1/feedback": "feedback:read",
    "GET /v1/files": "tasks:read",
    "GET /v1/files/{file_id}": "tasks:read",
    "GET /v1/files/{file_id}/content": "tasks:read",
    "GET /v1/health": PUBLIC,
    "GET /v1/keys": "keys:manage",
    "GET /v1/keys/{key_id}": "keys:manage",
    "GET /v1/metrics/query": "metrics:read",
    "GET /v1/models": "models:read",
    "GET /v1/models/{model:path}": "models:read",
    "GET /v1/openapi.json": PUBLIC,
    "GET /v1/prices": "prices:read",
    "GET /v1/results/{task_id}": "tasks:read",
    "GET /v1/runs": "runs:read",
    "GET /v1/runs/{task_id}": "runs:read",
    "GET /v1/sources": "sources:read",
    "GET /v1/sources/{source}/sync": "sources:read",
    "GET /v1/spend": "spend:read",
    "GET /v1/tasks": "tasks:read",
    "GET /v1/tasks/{task_id}": "tasks:read",
    "GET /v1/tasks/{task_id}/events": "tasks:read",
    "GET /v1/tasks/{task_id}/feedback": "feedback:read",
    "GET /v1/workflows": "workflows:read",
    "GET /v1/workflows/{workflow}": "workflows:read",
    "GET /v1/workflows/{workflow}/versions": "workflows:read",
    "GET /v1/workflows/{workflow}/versions/{version}": "workflows:read",
    "HEAD /v1/openapi.json": PUBLIC,
    "POST /mcp": "tasks:submit",
    "POST /v1/batches": "tasks:submit",
    "POST /v1/batches/{batch_id}/cancel": "tasks:control",
    "POST /v1/chat/completions": "tasks:submit",
    "POST /v1/dead-letters/{topic}/{partition}/{offset}/replay": "dead-letters:replay",
    "POST /v1/documents": "documents:write",
    "POST /v1/documents/batch": "documents:write",
    "POST /v1/embeddings": "tasks:submit",
    "POST /v1/feedback": "feedback:give",
    "POST /v1/files": "tasks:submit",
    "POST /v1/keys": "keys:manage",
    "POST /v1/keys/{key_id}/revoke": "keys:manage",
    "POST /v1/keys/{key_id}/rotate": "keys:manage",
    "POST /v1/messages": "tasks:submit",
    "POST /v1/messages/count_tokens": "tasks:submit",
    "POST /v1/responses": "tasks:submit",
    "POST /v1/sources/{source}/sync": "sources:sync",
    "POST /v1/tasks": "tasks:submit",
    "POST /v1/tasks/batch": "tasks:submit",
    "POST /v1/tasks/{task_id}/approve": "tasks:approve",
    "POST /v1/tasks/{task_id}/cancel": "tasks:control",
    "POST /v1/tasks/{task_id}/reject": "tasks:approve",
    "POST /v1/tasks/{task_id}/signals/{name}": "tasks:control",
    "POST /v1/workflows": "workflows:deploy",
    "POST /v1/workflows/diff": "workflows:deploy",
    "POST /v1/workflows/validate": "workflows:deploy",
    "POST /v1/workflows/{workflow}/rollback": "workflows:deploy",
}

_VIEWER = frozenset(
    {
        "adapters:read",
        "feedback:read",
        "models:read",
        "prices:read",
        "runs:read",
        "spend:read",
        "tasks:read",
        "workflows:read",
    }
)
_SUBMITTER = _VIEWER | {"feedback:give", "tasks:control", "tasks:submit"}
#: What all tenants share.
_SHARED = frozenset(
    {
        "budgets:read",
        "config:read",
        "dead-letters:read",
        "dead-letters:replay",
        "metrics:read",
        "sources:read",
        "sources:sync",
        "workflows:deploy",
    }
)
_OPERATOR = _SUBMITTER | _SHARED | {"documents:read", "documents:write", "tasks:approve"}
#: What the built-in roles may do; each may do what the ones before it may.
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "submitter": _SUBMITTER,
    "operator": _OPERATOR,
    "admin": frozenset({ANY_ACTION}),
}
#: Actions on what all tenants share: a principal of one tenant may do none of them, whatever its role.
NEEDS_ALL_TENANTS: frozenset[str] = _SHARED | {"audit:read"}


class Roles:
    """The built-in roles and those of the configuration."""

    def __init__(self, custom: Mapping[str, Collection[str]]) -> None:
        """Take the actions of each role of the configuration.

        Raises:
            ConfigurationError: a built-in role is defined anew, or there is no such action.
        """
        for name, actions in custom.items():
            if name in ROLES:
                raise ConfigurationError(f"gateway.security.roles: {name} is a built-in role; choose another name")
            if unknown := sorted({*actions} - known_actions()):
                hint = did_you_mean(unknown[0], known_actions())
                raise ConfigurationError(f"gateway.security.roles.{name}: no action is called {unknown[0]}; {hint}")
        self._actions = {**ROLES, **{name: frozenset(actions) for name, actions in custom.items()}}

    def __contains__(self, role: str) -> bool:
        return role in self._actions

    @property
    def names(self) -> Collection[str]:
        """The names of all roles."""
        return self._actions.keys()

    def actions(self, roles: Iterable[str]) -> frozenset[str]:
        """Return what these roles allow together; a role that does not exist (any more) allows nothing."""
        return frozenset[str]().union(*(self._actions.get(role, ()) for role in roles))

    def allowing(self, action: str) -> list[str]:
        """Return the roles that allow an action."""
        return [name for name, actions in self._actions.items() if not actions.isdisjoint({action, ANY_ACTION})]


def known_actions() -> frozenset[str]:
    """Return the names of all actions."""
    return frozenset({*ROUTES.values(), ANY_ACTION}) - {PUBLIC}
