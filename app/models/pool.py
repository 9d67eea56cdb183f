"""One model with several API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from app.errors import ConfigurationError
from app.models import registry
from app.models.base import BatchModel, BatchResults, Completion, Features, Model, Prompt
from app.models.rotating import rotating_model
from app.rotation import Live
from app.settings import ModelSettings


class Pool:
    """The components of one model, one for each key; a limiter chooses among them."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = tuple(models)
        self.provider = models[0].provider

    @property
    def features(self) -> Features:
        """The features, the same for every key."""
        return self.models[0].features

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Ask with the first key.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self.models[0].complete(prompt, timeout=timeout)

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return the body of a request for a batch.

        Raises:
            InvalidRequest: as of the component.
        """
        return self._first.batched(prompt)

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch with the first key; another key might not be allowed to read its results.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._first.submit(requests, timeout=timeout)

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return the results of a batch.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._first.collect(batch, timeout=timeout)

    @property
    def _first(self) -> BatchModel:
        return cast("BatchModel", self.models[0])

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(model.close() for model in self.models))


def build(name: str, settings: ModelSettings, live: Live[ModelSettings] | None = None) -> Model:
    """Return the model that the configuration calls `name`, with one component for each of its keys.

    With `live` settings, whose secrets may change, the components change with them.

    Raises:
        ConfigurationError: as `app.models.registry.build`, or both api_key and api_keys are set.
        MissingDependency: likewise.
    """
    if not settings.api_keys:
        return _component(name, settings, live, lambda found: found)
    if settings.api_key is not None:
        raise ConfigurationError(f"models.{name}.api_keys: set either api_keys or api_key, not both")
    return Pool(
        [_component(name, settings, live, partial(_with_key, number)) for number in range(len(settings.api_keys))]
    )


def _with_key(number: int, settings: ModelSettings) -> ModelSettings:
    return settings.model_copy(update={"api_keys": (), "api_key": settings.api_keys[number]})


def _component(
    name: str,
    settings: ModelSettings,
    live: Live[ModelSettings] | None,
    with_key: Callable[[ModelSettings], ModelSettings],
) -> Model:
    if live is None:
        return registry.build(name, with_key(settings))
    return rotating_model(name, live, lambda found: registry.build(name, with_key(found)))


def members(model: Model) -> tuple[Model, ...]:
    """Return the components behind a model: itself, if it has one key."""
    return model.models if isinstance(model, Pool) else (model,)
