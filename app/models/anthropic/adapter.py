"""The adapter of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from app.errors import MissingDependency
from app.models import options
from app.models.anthropic.message_answer import MessageAssembler
from app.models.anthropic.request import request_body
from app.models.base import BATCH_CALLS, BatchResults, Completion, Delta, Features, Prompt
from app.models.feature_overrides import FeatureOverride, default_sampling, with_overrides
from app.models.http.batch_files import BATCH_SIZE_FACTOR
from app.models.http.endpoint import Endpoint, HostedOptions
from app.models.http.errors import ErrorTranslator
from app.settings import ModelSettings
from topics.model_requests import Sampling

if TYPE_CHECKING:
    from app.models.anthropic.batches import AnthropicBatches
    from app.models.http.http_client import HttpClient

_PATH = "/v1/messages"


class AnthropicOptions(HostedOptions):
    """Options for models that differ from Anthropic's newer ones."""

    features: tuple[FeatureOverride, ...] = Field(
        default=(), description="features the model lacks, each with a leading `-`"
    )


class Anthropic:
    """One of Anthropic's models. The API has no seed and no log-probabilities.

    A `reasoning_effort` requests adaptive thinking, which older models do not support: remove it from their features,
    and set `thinking` with a budget in `options.body`.
    """

    provider = "anthropic"
    options = AnthropicOptions
    features: Features = frozenset(
        {
            "batch",
            "images",
            "max_tokens",
            "reasoning_effort",
            "schema",
            "stop",
            "streaming",
            "temperature",
            "tools",
            "top_p",
        }
    )

    def __init__(self, endpoint: Endpoint, defaults: Sampling, *, features: Features, max_concurrency: int) -> None:
        self.features = features
        self._endpoint = endpoint
        self._defaults = defaults
        self._http, self._errors = _connect(endpoint, max_concurrency)
        # Result files are longer than an answer, and few.
        longer = replace(endpoint, max_response_bytes=endpoint.max_response_bytes * BATCH_SIZE_FACTOR)
        self._files, _ = _connect(longer, BATCH_CALLS)

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: the model or the key is missing, or an option is invalid.
            MissingDependency: the SDK is not installed.
        """
        chosen = options.parse(name, settings, AnthropicOptions)
        endpoint = Endpoint.from_settings(name, settings, chosen, vendor="ANTHROPIC")
        features = cls.features & with_overrides(cls.features, chosen.features)  # the API cannot express others
        sampling = default_sampling(name, settings, features)
        return cls(endpoint, sampling, features=features, max_concurrency=settings.max_concurrency)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the complete answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._http.complete(_PATH, self._body(prompt), MessageAssembler(self._errors), timeout=timeout)

    def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the deltas of the answer, and last the completion, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        request = self._body(prompt) | {"stream": True}
        return self._http.assemble(_PATH, request, MessageAssembler(self._errors), timeout=timeout)

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return the body of a request for a batch.

        Raises:
            InvalidRequest: the API cannot express it.
        """
        return self._http.whole(self._body(prompt))

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch of requests by name; return its id.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._batches.submit(requests, timeout=timeout)

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return the results of a batch; None while it is still running.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._batches.collect(batch, timeout=timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
        await self._files.close()

    @property
    def _batches(self) -> AnthropicBatches:
        from app.models.anthropic.batches import AnthropicBatches  # noqa: PLC0415  # needs what comes with the SDK

        return AnthropicBatches(self._files, self._errors)

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        sampling = options.fill(prompt.sampling, self._defaults)
        # A schema that is not supported is not refused, since the messages ask for it too.
        asked = prompt if "schema" in self.features else replace(prompt, schema=None)
        return {"model": self._endpoint.model, **request_body(asked, sampling)}


def _connect(endpoint: Endpoint, max_concurrency: int) -> tuple[HttpClient, ErrorTranslator]:
    try:
        import anthropic  # noqa: PLC0415  # optional

        from app.models.http import http_client, sdk  # noqa: PLC0415  # they need what comes with the SDK
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    client, errors = sdk.connect(
        anthropic,
        anthropic.AsyncAnthropic,
        anthropic.AnthropicError,
        provider=Anthropic.provider,
        endpoint=endpoint,
        connections=max_concurrency,
    )
    return http_client.HttpClient(anthropic, client, errors, endpoint), errors
