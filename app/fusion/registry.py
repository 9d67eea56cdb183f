"""Fusion strategies by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from app.entry_points import named
from app.errors import ConfigurationError
from app.fusion.base import Strategy
from app.suggestions import did_you_mean
from app.validation_messages import in_our_words

STRATEGIES: Mapping[str, str] = {
    "best-of-n": "app.fusion.strategies.best_of_n:BestOfN",
    "concat": "app.fusion.strategies.concat:Concat",
    "consensus": "app.fusion.strategies.consensus:Consensus",
    "first": "app.fusion.strategies.first:First",
    "json-merge": "app.fusion.strategies.json_merge:JsonMerge",
    "rank-and-fuse": "app.fusion.strategies.rank_and_fuse:RankAndFuse",
    "synthesize": "app.fusion.strategies.synthesize:Synthesize",
    "vote": "app.fusion.strategies.vote:Vote",
    "weighted": "app.fusion.strategies.weighted:Weighted",
}
GROUP = "meta_ai_orchestrator.strategies"
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StrategyDescription:
    """A strategy in one sentence, and the JSON Schema of its options."""

    summary: str
    options: Mapping[str, Any]


def get(name: str, options: Mapping[str, Any] = _NONE) -> Strategy:
    """Return the strategy called `name`, with these options: one of ours, or one that a package registers.

    Raises:
        ConfigurationError: there is none of that name, it cannot be imported, or an option does not fit.
    """
    kind = load(name)
    try:
        return kind(kind.Options.model_validate(dict(options)))
    except ValidationError as problem:
        raise _explain(name, problem, kind.Options) from None


def load(name: str) -> type[Strategy]:
    """Return the class of the strategy called `name`.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be imported.
    """
    known = named(STRATEGIES, GROUP)
    if name not in known:
        raise ConfigurationError(f"no fusion strategy is called {name}; {did_you_mean(name, known)}")
    try:
        kind: type[Strategy] = known[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the fusion strategy {name} cannot be imported: {error}") from error
    return kind


def describe() -> dict[str, StrategyDescription]:
    """Return a description of every strategy, by name.

    Raises:
        ConfigurationError: one that a package registers cannot be imported.
    """
    return {name: _describe(load(name)) for name in sorted(named(STRATEGIES, GROUP))}


def _describe(kind: type[Strategy]) -> StrategyDescription:
    summary = (kind.__doc__ or "").strip().partition("\n")[0]
    return StrategyDescription(summary, kind.Options.model_json_schema())


def _explain(name: str, problem: ValidationError, options: type[BaseModel]) -> ConfigurationError:
    first = problem.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return ConfigurationError(
            f"fusion strategy {name}: there is no option {where}; {did_you_mean(where, options.model_fields)}"
        )
    if first["type"] == "missing":
        meaning = options.model_fields[where].description if where in options.model_fields else None
        return ConfigurationError(f"fusion strategy {name} needs the option {where}{': ' + meaning if meaning else ''}")
    message = in_our_words(first["type"], first["msg"])
    return ConfigurationError(f"fusion strategy {name}: {where + ': ' if where else ''}{message}")
