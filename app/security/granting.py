"""What a principal may allow others: no more than it may itself."""

from __future__ import annotations

from app.security.permissions import ANY_ACTION, Roles
from app.security.principal import Principal
from topics.api_keys import ApiKey

_WILD = frozenset("*?[")


def excess(principal: Principal, granted: ApiKey, roles: Roles) -> str | None:
    """Return what a key would allow that the principal may not do itself; None if it would allow nothing more."""
    if principal.requests_per_minute is not None or principal.spend_limit is not None:
        return "keys beside its own, as it has a limit that they would get around"
    if not (principal.tenant is None or granted.tenant == principal.tenant):
        return f"another tenant than {principal.tenant}"
    if ANY_ACTION not in principal.actions and (more := roles.actions(granted.roles) - principal.actions):
        return "the actions " + ", ".join(sorted(more))
    if ANY_ACTION not in principal.actions and (others := set(granted.roles) - set(principal.roles)):
        return "roles beside its own, with which others' documents are found: " + ", ".join(sorted(others))
    for what, own, asked in (
        ("workflows", principal.workflows, granted.workflows),
        ("models", principal.models, granted.models),
    ):
        if own is not None and not (asked is not None and all(_within(one, own, principal, what) for one in asked)):
            return f"{what} beside {', '.join(own) or 'none'}"
    return None


def _within(pattern: str, own: tuple[str, ...], principal: Principal, what: str) -> bool:
    if pattern in own:
        return True
    may = principal.may_use_workflow if what == "workflows" else principal.may_use_model
    return _WILD.isdisjoint(pattern) and may(pattern)
