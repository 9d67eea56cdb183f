"""Fuse recorded answers once more, with another strategy and without models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from app.errors import ConfigurationError
from app.fusion.base import Calls, Candidate, Fused, Panel
from app.fusion.registry import STRATEGIES, get, load
from app.json_text import strict
from topics import results

_NONE: Mapping[str, Any] = MappingProxyType({})


def fuse_recorded(candidates: Sequence[results.Candidate], strategy: str, options: Mapping[str, Any] = _NONE) -> Fused:
    """Return what `strategy` makes of the candidates of a recorded result, in their recorded order.

    Candidates that failed are left out; a text that is a JSON object or list counts as data. Embeddings are not
    recorded, so consensus compares texts, and says so.

    Raises:
        ConfigurationError: the strategy needs a model, does not exist or has wrong options, or nobody answered.
    """
    fuser = get(strategy, options)
    answered = [
        Candidate(one.branch, one.text, model=one.model, data=_data(one.text))
        for one in candidates
        if one.error is None
    ]
    if not answered:
        raise ConfigurationError("there is nothing to fuse: no recorded candidate has an answer")
    order = [candidate.branch for candidate in answered]
    outcome = fuser.fuse(Panel(answered, order))
    if isinstance(outcome, Calls):
        # Strategies that call models know which only once they have options.
        others = ", ".join(name for name in STRATEGIES if getattr(load(name), "models", None) == ())
        raise ConfigurationError(
            f"{strategy} needs a model, which recorded answers are fused without; these need none: {others}"
        )
    return outcome


def _data(text: str) -> JsonValue:
    try:
        value = strict(text)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None
