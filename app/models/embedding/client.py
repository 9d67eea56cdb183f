"""One endpoint that embeds texts: a single attempt, with the credentials as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import ConfigurationError, ModelError
from app.models.embedding.dialects import DIALECTS, Embedded, Purpose
from app.models.embedding.hosts import EmbeddingHost
from app.models.http.endpoint import Endpoint, HostedOptions
from app.models.openai.adapter import connect
from app.settings import EmbeddingSettings, ModelSettings

_NAME = "embedding"


class EmbeddingClient:
    """Sends texts to a model of a host.

    Raises:
        ConfigurationError: the address or the key is missing or invalid.
        MissingDependency: the HTTP client is not installed.
    """

    def __init__(self, provider: str, model: str, host: EmbeddingHost, settings: EmbeddingSettings) -> None:
        self._model = model
        self._dialect = DIALECTS[host.dialect]
        described = ModelSettings(provider=provider, model=model, base_url=settings.base_url, api_key=settings.api_key)
        try:
            endpoint = Endpoint.from_settings(
                _NAME, described, HostedOptions(), provider_defaults=host.provider_defaults
            )
        except ConfigurationError as error:
            raise ConfigurationError(str(error).replace(f"models.{_NAME}.", "retrieval.embedding.")) from None
        self._http, self._errors = connect(provider, endpoint, settings.max_concurrency, key_header=host.key_header)

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, dimensions: int | None, *, timeout: float
    ) -> Embedded:
        """Return the vectors of texts, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        import httpx2  # noqa: PLC0415  # it comes with the SDK

        body = self._http.whole(self._dialect.body(self._model, texts, purpose, dimensions))

        async def post(client: Any, options: Mapping[str, Any]) -> Any:
            chosen = {"headers": options["extra_headers"], "timeout": options["timeout"]}
            path = self._dialect.path(self._model)
            return await client.post(path, cast_to=httpx2.Response, body=body, options=chosen)

        response = await self._http.use(post, timeout=timeout)
        return self._read(response.content, len(texts))

    def _read(self, content: bytes, expected: int) -> Embedded:
        try:
            found = self._dialect.read(json.loads(content))
        except (ValueError, TypeError, RecursionError):
            raise self._broken("the answer has no vectors") from None
        if len(found.rows) != expected:
            raise self._broken(f"the answer has {len(found.rows)} vectors for {expected} texts")
        return found

    def _broken(self, text: str) -> ModelError:
        return self._errors.broken(text)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
