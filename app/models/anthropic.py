"""Anthropic's messages API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ValidationError

from app.errors import InvalidRequest, MissingDependency
from app.models import options
from app.models.base import Completion, Features, Prompt
from app.models.endpoint import Endpoint, hosted_options
from app.models.http_errors import Errors
from app.settings import ModelSettings
from topics.model_requests import Sampling
from topics.model_responses import Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


class Anthropic:
    """One of Anthropic's models. The API has no seed."""

    provider = "anthropic"
    features: Features = frozenset({"max_tokens", "stop", "temperature", "top_p"})

    def __init__(self, endpoint: Endpoint, defaults: Sampling, *, max_concurrency: int) -> None:
        self._endpoint = endpoint
        self._defaults = defaults
        self._client, self._errors = _connect(endpoint, max_concurrency)

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: the model or the key is missing, or an option is wrong.
            MissingDependency: the SDK is not installed.
        """
        endpoint = Endpoint.from_settings(name, settings, hosted_options(name, settings), vendor="ANTHROPIC")
        defaults = options.sampling(name, settings, max_tokens=1024)
        return cls(endpoint, defaults, max_concurrency=settings.max_concurrency)

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        body = self._body(prompt)
        try:
            # The SDK's own time-out is for one read; a body that trickles in would outlive it.
            async with asyncio.timeout(timeout):
                answer = await self._client.messages.with_raw_response.create(**body, timeout=timeout)
        except self._errors.expected as problem:
            raise self._errors.translate(problem) from None
        return _read(answer.http_response.content, self._errors)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        sampling = options.fill(prompt.sampling, self._defaults)
        system = "\n\n".join(message.content for message in prompt.messages if message.role == "system")
        return {
            "model": self._endpoint.model,
            "max_tokens": sampling.max_tokens,
            "messages": [
                message.model_dump(include={"role", "content"})
                for message in prompt.messages
                if message.role != "system"
            ],
            "extra_body": _randomness(sampling) | self._endpoint.body,
            **({"system": system} if system else {}),
            **({"stop_sequences": list(sampling.stop)} if sampling.stop else {}),
        }


def _randomness(sampling: Sampling) -> dict[str, Any]:
    # The SDK has no parameters for these any more, though there are models that take them.
    if sampling.temperature is not None and sampling.temperature > 1:
        raise InvalidRequest(
            f"temperature {sampling.temperature} is more than 1, the most that Anthropic's models take",
            provider=Anthropic.provider,
        )
    return sampling.model_dump(exclude_none=True, include={"temperature", "top_p"})


class _Block(BaseModel):
    type: str
    text: str = ""


class _Usage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Reply(BaseModel):
    content: tuple[_Block, ...]
    stop_reason: str | None = None
    usage: _Usage


def _read(body: bytes, errors: Errors) -> Completion:
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
    text = "".join(block.text for block in reply.content if block.type == "text")
    if reply.stop_reason == "refusal":
        raise errors.filtered(text or "the model refused to answer")
    return Completion(text, _FINISH.get(reply.stop_reason or "", "other"), _count(reply.usage))


def _count(usage: _Usage) -> Usage:
    # What came from or went to the prompt cache is counted apart by the API, yet was input all the same.
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    return Usage(input_tokens=usage.input_tokens + cached, output_tokens=usage.output_tokens)


def _connect(endpoint: Endpoint, max_concurrency: int) -> tuple[AsyncAnthropic, Errors]:
    try:
        import anthropic  # noqa: PLC0415  # optional

        from app.models import sdk  # noqa: PLC0415  # needs what comes with the SDK
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    return sdk.connect(
        anthropic,
        anthropic.AsyncAnthropic,
        anthropic.AnthropicError,
        provider=Anthropic.provider,
        endpoint=endpoint,
        connections=max_concurrency,
    )
