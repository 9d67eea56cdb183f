"""Pure policies that choose models for a step."""

from __future__ import annotations

from importlib import import_module

from app.errors import ConfigurationError
from app.routing.base import Policy

POLICIES = {"fixed": "app.routing.fixed:Fixed", "weighted": "app.routing.weighted:Weighted"}


def get(name: str) -> Policy:
    """Return the policy of this name.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in POLICIES:
        raise ConfigurationError(f"no routing policy is called {name}; there are {', '.join(sorted(POLICIES))}")
    module, attribute = POLICIES[name].split(":")
    policy: Policy = getattr(import_module(module), attribute)()
    return policy
