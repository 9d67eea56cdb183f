"""Fusion strategies by name."""

from __future__ import annotations

from collections.abc import Mapping

from app.components import named
from app.errors import ConfigurationError
from app.fusion.base import Strategy

STRATEGIES: Mapping[str, str] = {
    "consensus": "app.fusion.consensus:Consensus",
    "first": "app.fusion.first:First",
    "vote": "app.fusion.vote:Vote",
}
GROUP = "meta_ai_orchestrator.strategies"


def get(name: str) -> Strategy:
    """Return the strategy called `name`: one of ours, or one that an installed package announces.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be imported.
    """
    known = named(STRATEGIES, GROUP)
    if name not in known:
        raise ConfigurationError(f"no fusion strategy is called {name}; there are {', '.join(sorted(known))}")
    try:
        strategy: Strategy = known[name].load()()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the fusion strategy {name} cannot be imported: {error}") from error
    return strategy
