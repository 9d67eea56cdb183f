"""Routing policies by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.entry_points import named
from app.errors import ConfigurationError, MissingDependency
from app.routing.base import Policy
from app.suggestions import did_you_mean
from app.validation_messages import in_our_words

POLICIES: Mapping[str, str] = {
    "capability": "app.routing.policies.capability:Capability",
    "cascade": "app.routing.policies.cascade:Cascade",
    "cost": "app.routing.policies.cost:Cost",
    "fixed": "app.routing.policies.fixed:Fixed",
    "healthy": "app.routing.policies.healthy:Healthy",
    "latency": "app.routing.policies.latency:Latency",
    "learned": "app.routing.policies.learned:Learned",
    "round-robin": "app.routing.policies.round_robin:RoundRobin",
    "semantic": "app.routing.policies.semantic:Semantic",
    "weighted": "app.routing.policies.weighted:Weighted",
}
GROUP = "meta_ai_orchestrator.policies"


@dataclass(frozen=True, slots=True)
class PolicyDescription:
    """A policy in one sentence, and the JSON Schema of its options."""

    summary: str
    options: Mapping[str, Any]


def get(name: str, options: Mapping[str, Any] | None = None) -> Policy:
    """Return the policy called `name` with these options: one of ours, or one that an installed package registers.

    Whether the options fit the models of a step, its `check` tells.

    Raises:
        ConfigurationError: there is none of that name, it cannot be imported, or an option is wrong.
        MissingDependency: one of ours needs packages that are not installed.
    """
    component = _component(name)
    try:
        checked = component.Options.model_validate(dict(options or {}))
    except ValidationError as error:
        raise ConfigurationError(_explain(name, component, error)) from None
    policy: Policy = component(checked)
    return policy


def inline(name: str, options: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return the options with the content of files that they name, which are looked for in `folder`.

    Workers know a workflow from a topic and do not see its author's files: whoever loads it calls this first.

    Raises:
        ConfigurationError: there is no such policy, or a file cannot be read or is wrong.
    """
    reading = getattr(_component(name), "inline", None)
    inlined: Mapping[str, Any] = reading(options, folder) if reading else options
    return inlined


def describe() -> dict[str, PolicyDescription]:
    """Return a description of every policy, by name.

    Raises:
        ConfigurationError: one that an installed package registers cannot be imported.
        MissingDependency: one of ours needs packages that are not installed.
    """
    return {name: _describe(_component(name)) for name in sorted(named(POLICIES, GROUP))}


def _component(name: str) -> Any:
    known = named(POLICIES, GROUP)
    if name not in known:
        raise ConfigurationError(f"no routing policy is called {name}; {did_you_mean(name, known)}")
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        if name in POLICIES:
            raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
        raise ConfigurationError(f"the routing policy {name} cannot be imported: {error}") from error


def _describe(component: Any) -> PolicyDescription:
    summary = (component.__doc__ or "").strip().partition("\n")[0]
    return PolicyDescription(summary, component.Options.model_json_schema())


def _explain(name: str, component: Any, error: ValidationError) -> str:
    """Return the first problem, and the options that there are."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    known = ", ".join(component.Options.model_fields) or "no options"
    if first["type"] == "extra_forbidden":
        return (
            f"routing policy {name}: there is no option {where}; {did_you_mean(where, component.Options.model_fields)}"
        )
    what = in_our_words(first["type"], first["msg"])
    return f"routing policy {name}: {f'{where}: ' if where else ''}{what}; it takes {known}"
