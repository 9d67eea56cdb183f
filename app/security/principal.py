"""Who makes a request, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from app.security.permissions import ANY_ACTION, NEEDS_ALL_TENANTS
from topics.tasks import SpendLimit


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever makes a request.

    `id` is the actor that events name. `tenant` is the only one whose data it sees and for which it works; None: all
    of them. `actions` are what its `roles` allow; `*` is everything. `workflows` and `models` are the names, or
    patterns with `*`, that it may use; None: all of them. `requests_per_minute` is how often it may ask each
    gateway, and `spend_limit` what its tasks may cost.
    """

    id: str
    kind: Literal["local", "anonymous", "api_key", "token"]
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    actions: frozenset[str] = frozenset()
    workflows: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    spend_limit: SpendLimit | None = None

    def may(self, action: str) -> bool:
        """Whether it may do this; what concerns all tenants, one that is bound to a tenant may not."""
        if self.tenant is not None and action in NEEDS_ALL_TENANTS:
            return False
        return action in self.actions or ANY_ACTION in self.actions

    def may_see(self, tenant: str) -> bool:
        """Whether it may see the data of a tenant, and work for it."""
        return self.tenant in {None, tenant}

    def may_read(self, tenant: str, allowed_roles: Iterable[str] | None) -> bool:
        """Whether it may read a document of a tenant that is for these roles; None: for all."""
        allowed = allowed_roles is None or ANY_ACTION in self.actions or not {*self.roles}.isdisjoint(allowed_roles)
        return allowed and self.may_see(tenant)

    def may_find(self, tenant: str, allowed_roles: Iterable[str] | None) -> bool:
        """Whether its tasks can find such a document: also one that all tenants share."""
        return self.may_read(tenant or self.tenant or "", allowed_roles)

    def may_use_workflow(self, workflow: str) -> bool:
        """Whether it may have tasks done by this workflow."""
        return _matches(workflow, self.workflows)

    def may_use_model(self, model: str) -> bool:
        """Whether it may ask this model."""
        return _matches(model, self.models)


#: Whoever reaches a gateway without authentication: a program on the same machine.
LOCAL = Principal(id="gateway", kind="local", roles=("admin",), actions=frozenset({ANY_ACTION}))
#: Whoever brings no credentials to a gateway that asks for them.
ANONYMOUS = Principal(id="anonymous", kind="anonymous", tenant="")


def _matches(name: str, patterns: Iterable[str] | None) -> bool:
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)
