"""The capabilities of the configured models, for checking workflows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from app.errors import ConfigurationError, MissingDependency
from app.models.base import Features
from app.models.registry import build
from app.settings import ModelSettings


def configured_features(models: Mapping[str, ModelSettings]) -> dict[str, Features]:
    """Return the features of the models by name, except those that cannot be built here.

    A machine that checks workflows need not have the keys and packages that a worker has.
    """
    found: dict[str, Features] = {}
    for name, settings in models.items():
        with suppress(ConfigurationError, MissingDependency):
            found[name] = build(name, settings.model_copy(update=_with_one_key(settings))).features
    return found


def _with_one_key(settings: ModelSettings) -> dict[str, object]:
    return {"api_key": settings.api_keys[0], "api_keys": ()} if settings.api_keys else {}
