"""Fuse recorded answers again, with another strategy and no model."""

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
    recorded, so consensus goes by equal text, and says so.

    Raises:
        ConfigurationError: the strategy needs a model, does not exist or has wrong options, or nobody answered.
    """
    fuser = get(strategy, options)
    answered = [_candidate(recorded) for recorded in candidates if recorded.error is None]
    if not answered:
        raise ConfigurationError("there is nothing to fuse again: no recorded candidate has an answer")
    order = [candidate.branch for candidate in answered]
    outcome = fuser.fuse(Panel(answered, order))
    if isinstance(outcome, Calls):
        others = ", ".join(name for name in STRATEGIES if _needs_no_model(name))
        raise ConfigurationError(
            f"{strategy} needs a model, and recorded answers are fused without; these do not: {others}"
        )
    return outcome


def _candidate(recorded: results.Candidate) -> Candidate:
    return Candidate(recorded.branch, recorded.text, model=recorded.model, data=_data(recorded.text))


def _data(text: str) -> JsonValue:
    try:
        value = strict(text)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def _needs_no_model(name: str) -> bool:
    # Those that ask models know which only once they have options.
    return getattr(load(name), "models", None) == ()
