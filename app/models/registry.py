"""The registry of providers by name; third parties add theirs by entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Protocol, cast

from app.entry_points import named
from app.errors import ConfigurationError
from app.models.base import Model
from app.models.openai.providers import OPENAI_PROVIDERS
from app.settings import ModelSettings
from app.suggestions import did_you_mean

GROUP = "meta_ai_orchestrator.models"

COMPONENTS = {
    "anthropic": "app.models.anthropic.adapter:Anthropic",
    "copilot": "app.models.copilot.adapter:Copilot",
    "local": "app.models.local.adapter:Local",
    "scripted": "app.models.scripted.adapter:Scripted",
    **dict.fromkeys(OPENAI_PROVIDERS, "app.models.openai.adapter:OpenAI"),
}


class Component(Protocol):
    """The class that a name in the table, or an entry point of the group, refers to."""

    def from_settings(self, name: str, settings: ModelSettings) -> Model:
        """Return the model that the configuration calls `name`."""
        ...


def build(name: str, settings: ModelSettings) -> Model:
    """Return the model that the configuration calls `name`; nothing is connected or loaded yet.

    Raises:
        ConfigurationError: the provider is unknown, or the settings are invalid for it.
        MissingDependency: the component needs a package that is not installed.
    """
    known = named(COMPONENTS, GROUP)
    if settings.provider not in known:
        hint = did_you_mean(settings.provider, known, "there are, besides entry points of packages:")
        raise ConfigurationError(f"models.{name}.provider: unknown provider {settings.provider!r}; {hint}")
    return _load_component(name, known[settings.provider]).from_settings(name, settings)


def _load_component(name: str, point: EntryPoint) -> Component:
    try:
        return cast("Component", point.load())
    except (ImportError, AttributeError) as problem:
        raise ConfigurationError(
            f"models.{name}.provider: {point.name} ({point.value}) cannot be loaded: {problem}",
        ) from problem
