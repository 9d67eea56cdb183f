"""Per-model overrides of a provider's features."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import AfterValidator

from app.errors import ConfigurationError
from app.models import options
from app.models.base import Features, Prompt
from app.models.capabilities import required_features
from app.settings import ModelSettings
from topics.model_requests import Feature, Sampling

_ALL: tuple[Feature, ...] = get_args(Feature)


def _known(change: str) -> str:
    if change.removeprefix("-") not in _ALL:
        raise ValueError(f"unknown feature {change!r}; known features: {', '.join(_ALL)}")
    return change


#: The name of a feature to add, or to remove with a leading `-`.
FeatureOverride = Annotated[str, AfterValidator(_known)]


def with_overrides(features: Features, changes: tuple[FeatureOverride, ...]) -> Features:
    """Return `features` after `changes`; one that is both added and removed is absent."""
    added = features.union(name for name in _ALL if name in changes)
    return added.difference(name for name in _ALL if f"-{name}" in changes)


def default_sampling(name: str, settings: ModelSettings, features: Features) -> Sampling:
    """Return the default sampling of the model called `name`, checked against its features.

    Raises:
        ConfigurationError: a key is unknown, a value is invalid, or the model does not support it.
    """
    sampling = options.sampling(name, settings)
    if lacking := sorted(required_features(Prompt((), sampling)) - features):
        raise ConfigurationError(
            f"models.{name}.sampling.{lacking[0]}: {settings.provider} does not support {lacking[0]}; "
            "leave it out, or add it to options.features if your server has it"
        )
    return sampling
