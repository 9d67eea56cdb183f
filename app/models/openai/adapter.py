"""OpenAI, and every provider that speaks one of its dialects: see `app.models.openai.providers`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from app.errors import MissingDependency
from app.models import options
from app.models.base import BATCH_CALLS, BatchResults, Completion, Delta, Features, Prompt
from app.models.feature_overrides import FeatureOverride, default_sampling, with_overrides
from app.models.http.batch_files import BATCH_SIZE_FACTOR
from app.models.http.endpoint import Endpoint, HostedOptions
from app.models.http.errors import ErrorTranslator
from app.models.openai.chat import Chat
from app.models.openai.dialect import Dialect
from app.models.openai.providers import OPENAI_PROVIDERS, DialectName, HostedProvider, MaxTokens
from app.models.openai.responses import Responses
from app.settings import ModelSettings
from topics.model_requests import Sampling

if TYPE_CHECKING:
    from app.models.http.http_client import HttpClient
    from app.models.openai.batches import OpenAIBatches


class OpenAIOptions(HostedOptions):
    """Options that override the provider's row."""

    dialect: DialectName | None = Field(
        default=None, description="chat (Chat Completions) or responses (Responses); by default that of the provider"
    )
    features: tuple[FeatureOverride, ...] = Field(
        default=(), description="features to add; with a leading `-`, to remove"
    )
    max_tokens_field: MaxTokens | None = Field(
        default=None, description="max_tokens or max_completion_tokens; by default that of the provider"
    )


class OpenAI:
    """One model behind one endpoint, called in one dialect."""

    options = OpenAIOptions

    def __init__(
        self,
        provider: str,
        endpoint: Endpoint,
        dialect: Dialect,
        *,
        features: Features,
        defaults: Sampling,
        max_concurrency: int,
    ) -> None:
        self.provider = provider
        self.features = features
        self._endpoint = endpoint
        self._dialect = dialect
        self._defaults = defaults
        key_header = OPENAI_PROVIDERS[provider].key_header
        self._http, self._errors = connect(provider, endpoint, max_concurrency, key_header=key_header)
        # Result files are longer than an answer, and few.
        longer = replace(endpoint, max_response_bytes=endpoint.max_response_bytes * BATCH_SIZE_FACTOR)
        self._files, _ = connect(provider, longer, BATCH_CALLS, key_header=key_header)

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`, hosted by its provider.

        Raises:
            ConfigurationError: the model, the address or the key is missing, or an option is invalid.
            MissingDependency: the SDK is not installed.
        """
        host = OPENAI_PROVIDERS[settings.provider]
        chosen = options.parse(name, settings, OpenAIOptions)
        endpoint = Endpoint.from_settings(name, settings, chosen, provider_defaults=host.provider_defaults)
        dialect = _dialect(host, settings.provider, endpoint, chosen)
        # Another server under the name `openai` seldom supports batches: only if `features` says so.
        usual = host.features - ({"batch"} if settings.provider == "openai" and endpoint.base_url else frozenset())
        features = with_overrides(usual, chosen.features) - dialect.lacking
        return cls(
            settings.provider,
            endpoint,
            dialect,
            features=features,
            defaults=default_sampling(name, settings, features),
            max_concurrency=settings.max_concurrency,
        )

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the complete answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        body, assembler = self._body(prompt), self._dialect.assembler(self._errors)
        return await self._http.complete(self._dialect.path, body, assembler, timeout=timeout)

    def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the deltas of the answer, and last the completion, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        body = self._dialect.streamed(self._body(prompt))
        return self._http.assemble(self._dialect.path, body, self._dialect.assembler(self._errors), timeout=timeout)

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return the body of a request for a batch."""
        return self._http.whole(self._body(prompt))

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch of requests by name; return its id.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._batches.submit(requests, timeout=timeout)

    async def find_batch(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str | None:
        """Return the id of a batch of requests of these names, None if there is none of late.

        Raises:
            ModelError: one of its subclasses.
        """
        return await self._batches.find(requests, timeout=timeout)

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
    def _batches(self) -> OpenAIBatches:
        from app.models.openai.batches import OpenAIBatches  # noqa: PLC0415  # needs what comes with the SDK

        return OpenAIBatches(self._files, self._errors, self._dialect)

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        # A schema that is not supported is not refused, since the messages ask for it too.
        asked = prompt if "schema" in self.features else replace(prompt, schema=None)
        return self._dialect.body(self._endpoint.model, asked, options.fill(prompt.sampling, self._defaults))


def _dialect(host: HostedProvider, provider: str, endpoint: Endpoint, chosen: OpenAIOptions) -> Dialect:
    if (chosen.dialect or host.dialect) == "responses":
        return Responses()
    # The name `openai` is also used for other servers, and many know only the old field.
    usual: MaxTokens = "max_tokens" if provider == "openai" and endpoint.base_url else host.max_tokens
    return Chat(max_tokens=chosen.max_tokens_field or usual, seed=host.seed, usage_option=host.usage_option)


def connect(
    provider: str, endpoint: Endpoint, max_concurrency: int, *, key_header: str | None = None
) -> tuple[HttpClient, ErrorTranslator]:
    """Return a client of an endpoint, which sends the key in `key_header` if it is no bearer token.

    Raises:
        MissingDependency: the SDK is not installed.
    """
    try:
        import openai  # noqa: PLC0415  # optional

        from app.models.http import http_client, sdk  # noqa: PLC0415  # need what comes with the SDK
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    client, errors = sdk.connect(
        openai,
        openai.AsyncOpenAI,
        openai.OpenAIError,
        provider=provider,
        endpoint=endpoint,
        connections=max_concurrency,
    )
    if provider != "openai":
        client.organization = client.project = None  # set from the environment, and not meant for other servers
    return http_client.HttpClient(openai, client, errors, endpoint, _key(key_header, endpoint, openai.Omit())), errors


def _key(header: str | None, endpoint: Endpoint, nothing: object) -> dict[str, object]:
    """Return the headers with the key, if it is not a bearer token and no token replaces it."""
    if header is None or "authorization" in map(str.lower, endpoint.headers):
        return {}
    return {header: endpoint.api_key, "Authorization": nothing}
