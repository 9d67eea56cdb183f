"""The available adapters: requirements, features and options."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from app.entry_points import named
from app.errors import ConfigurationError
from app.models.base import Features
from app.models.http.endpoint import ProviderDefaults
from app.models.openai.providers import OPENAI_PROVIDERS
from app.models.registry import COMPONENTS, GROUP
from app.suggestions import did_you_mean

#: The built-in adapters that are not hosts: dialect, required extra, and environment variable of the key.
_BUILT_IN = {
    "anthropic": ("Anthropic's messages", "server", "ANTHROPIC_API_KEY"),
    "copilot": ("GitHub's Copilot SDK", "copilot", "COPILOT_GITHUB_TOKEN"),
    "local": ("llama.cpp, in this process", "local", ""),
    "scripted": ("a script", "", ""),
}
_DIALECTS = {"chat": "OpenAI's Chat Completions", "responses": "OpenAI's Responses"}


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter as listed, without importing it.

    `source` is `built in`, or the package that brings it. `key` is the environment variable that its key may stand in.
    """

    name: str
    source: str
    dialect: str
    extra: str
    key: str


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a model's `options`."""

    name: str
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class Description:
    """The description of an adapter; None is what only a configured model can tell."""

    adapter: Adapter
    summary: str
    features: Features | None
    options: tuple[Option, ...] | None
    example: Mapping[str, Any]


def list_adapters() -> list[Adapter]:
    """Return all adapters, by name."""
    return [_adapter(point) for _, point in sorted(named(COMPONENTS, GROUP).items())]


def describe_adapter(name: str) -> Description:
    """Return the description of the adapter `name`.

    Raises:
        ConfigurationError: the name is unknown, or the adapter cannot be loaded.
    """
    known = named(COMPONENTS, GROUP)
    if name not in known:
        raise ConfigurationError(f"there is no provider {name!r}; {did_you_mean(name, known)}")
    component, adapter = _load(known[name]), _adapter(known[name])
    summary = (component.__doc__ or "").strip().partition("\n")[0]
    return Description(adapter, summary, _features(name, component), _options(component), _example(adapter, component))


def _adapter(point: EntryPoint) -> Adapter:
    if point.name in OPENAI_PROVIDERS:
        host = OPENAI_PROVIDERS[point.name]
        return Adapter(point.name, "built in", _DIALECTS[host.dialect], "server", host.provider_defaults.key or "")
    if point.name in COMPONENTS:
        return Adapter(point.name, "built in", *_BUILT_IN[point.name])
    package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    return Adapter(point.name, package, "", "", "")


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as problem:
        raise ConfigurationError(f"{point.name} ({point.value}) cannot be loaded: {problem}") from problem


def _features(name: str, component: Any) -> Features | None:
    if name in OPENAI_PROVIDERS:
        return OPENAI_PROVIDERS[name].features
    features = getattr(component, "features", None)
    return features if isinstance(features, frozenset) else None


def _options(component: Any) -> tuple[Option, ...] | None:
    model = getattr(component, "options", None) or getattr(sys.modules[component.__module__], "Options", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return tuple(
        Option(name, _default(field.get_default(call_default_factory=True)), field.description or "")
        for name, field in model.model_fields.items()
    )


def _default(value: Any) -> Any:
    if value is PydanticUndefined:
        return "required"
    return None if value in (None, (), {}, "") else value


def _example(adapter: Adapter, component: Any) -> Mapping[str, Any]:
    """Return an example of a model's settings."""
    own = getattr(component, "example", None)
    if own is not None:
        return {"provider": adapter.name, **own}
    provider_defaults = (
        OPENAI_PROVIDERS[adapter.name].provider_defaults
        if adapter.name in OPENAI_PROVIDERS
        else ProviderDefaults(adapter.key or None, open=not adapter.key)
    )
    settings: dict[str, Any] = {"provider": adapter.name}
    if adapter.name in OPENAI_PROVIDERS or adapter.key:
        settings["model"] = "NAME-OF-THE-MODEL"
    if provider_defaults.example:
        settings["base_url"] = provider_defaults.example
    if not provider_defaults.open:
        settings["api_key"] = f"${{{provider_defaults.key or 'API_KEY'}}}"
    return settings
