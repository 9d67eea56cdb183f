"""A model whose secrets may change while it is used: see `app.rotation`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar, cast

from app.errors import Unauthorized
from app.models.base import (
    BatchModel,
    BatchResults,
    Completion,
    Delta,
    Features,
    FindsBatches,
    Model,
    Prompt,
    StreamingModel,
)
from app.models.capacity import capacity_of
from app.rotation import Live, Rotating
from app.settings import ModelSettings

T = TypeVar("T")


class RotatingModel:
    """The model as its secrets are now; a refused call reads them again, and is repeated if one has changed."""

    def __init__(self, rotating: Rotating[ModelSettings, Model]) -> None:
        self._rotating = rotating
        self.provider = rotating.component.provider

    @property
    def features(self) -> Features:
        """The features, which do not depend on secrets."""
        return self._rotating.component.features

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the complete answer.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._call(lambda model, left: model.complete(prompt, timeout=left), timeout)

    async def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the deltas of the answer, and last the completion.

        Raises:
            ModelError: one of its subclasses.
        """
        until, left = time.monotonic() + timeout, timeout
        for last in (False, True):
            begun = False
            async with self._rotating.use() as model:
                try:
                    async with aclosing(cast("StreamingModel", model).stream(prompt, timeout=left)) as deltas:
                        async for one in deltas:
                            begun = True
                            yield one
                except Unauthorized:
                    if last or begun or not await self._rotating.renewed(model):
                        raise
                else:
                    return
            left = max(0.0, until - time.monotonic())

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return the body of a request for a batch.

        Raises:
            InvalidRequest: the provider's API cannot express it.
        """
        return cast("BatchModel", self._rotating.component).batched(prompt)

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch of requests by name.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._call(lambda model, left: cast("BatchModel", model).submit(requests, timeout=left), timeout)

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return the results of a batch; None while it is still running.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._call(lambda model, left: cast("BatchModel", model).collect(batch, timeout=left), timeout)

    async def close(self) -> None:
        """Release connections."""
        await self._rotating.close()

    async def _call(self, call: Callable[[Model, float], Awaitable[T]], timeout: float) -> T:
        return await self._rotating.call(call, timeout, is_refusal=lambda error: isinstance(error, Unauthorized))


class _BatchFinder(RotatingModel):
    async def find_batch(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str | None:
        """Return the name of a batch of requests of these very names.

        Raises:
            ModelError: it cannot be told.
        """
        return await self._call(
            lambda model, left: cast("FindsBatches", model).find_batch(requests, timeout=left), timeout
        )


def rotating_model(name: str, live: Live[ModelSettings], build: Callable[[ModelSettings], Model]) -> Model:
    """Return the model that the configuration calls `name`, made anew by `build` when its secrets change.

    One that loads something or counts its own calls is no client of a service: it is made once.

    Raises:
        ConfigurationError: as `build`.
        MissingDependency: likewise.
    """
    rotating = Rotating(f"the model {name}", live, build)
    model = rotating.component
    if capacity_of(model) is not None or hasattr(model, "warm"):
        return model
    return _BatchFinder(rotating) if isinstance(model, FindsBatches) else RotatingModel(rotating)
