"""The features of one model, where they are not those of its provider."""

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
        raise ValueError(f"there is no feature {change!r}; there are {', '.join(_ALL)}")
    return change


#: The name of a feature, which is added, or taken away with `-` before it.
FeatureOverride = Annotated[str, AfterValidator(_known)]


def with_overrides(features: Features, changes: tuple[FeatureOverride, ...]) -> Features:
    """Return `features` after `changes`; one that is added and taken away is not there."""
    added = features.union(name for name in _ALL if name in changes)
    return added.difference(name for name in _ALL if f"-{name}" in changes)


def default_sampling(name: str, settings: ModelSettings, features: Features) -> Sampling:
    """Return how the model called `name` generates when a request does not say, by what it can do.

    Raises:
        ConfigurationError: a key is unknown, a value does not fit, or the model has no such feature.
    """
    sampling = options.sampling(name, settings)
    if lacking := sorted(required_features(Prompt((), sampling)) - features):
        raise ConfigurationError(
            f"models.{name}.sampling.{lacking[0]}: {settings.provider} has no {lacking[0]}; "
            "leave it out, or add it to options.features if your server has it"
        )
    return sampling
