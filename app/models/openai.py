"""OpenAI's chat completions, and every server that speaks them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError

from app.errors import MissingDependency
from app.models import options
from app.models.base import Completion, Features, Prompt
from app.models.endpoint import Endpoint, HostedOptions
from app.models.http_errors import Errors
from app.settings import ModelSettings
from topics.model_requests import Sampling
from topics.model_responses import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls"}


class Options(HostedOptions):
    """`max_tokens_field`: OpenAI's own models want the new name, many compatible servers know only the old one."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None


class OpenAI:
    """One model behind one endpoint; without `base_url` it is OpenAI's own."""

    provider = "openai"
    features: Features = frozenset({"max_tokens", "seed", "stop", "temperature", "top_p"})

    def __init__(self, endpoint: Endpoint, defaults: Sampling, *, max_tokens_field: str, max_concurrency: int) -> None:
        self._endpoint = endpoint
        self._defaults = defaults
        self._max_tokens_field = max_tokens_field
        self._client, self._errors = _connect(endpoint, max_concurrency)

    @classmethod
    def from_settings(cls, name: str, settings: ModelSettings) -> Self:
        """Return the model that the configuration calls `name`.

        Raises:
            ConfigurationError: the model or the key is missing, or an option is wrong.
            MissingDependency: the SDK is not installed.
        """
        chosen = options.parse(name, settings, Options)
        endpoint = Endpoint.from_settings(name, settings, chosen, vendor="OPENAI")
        return cls(
            endpoint,
            options.sampling(name, settings),
            max_tokens_field=chosen.max_tokens_field
            or ("max_tokens" if endpoint.base_url else "max_completion_tokens"),
            max_concurrency=settings.max_concurrency,
        )

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses.
        """
        body = self._body(prompt)
        try:
            # The SDK's own time-out is for one read; a body that trickles in would outlive it.
            async with asyncio.timeout(timeout):
                answer = await self._client.chat.completions.with_raw_response.create(**body, timeout=timeout)
        except self._errors.expected as problem:
            raise self._errors.translate(problem) from None
        return _read(answer.content, self._errors)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        sampling = options.fill(prompt.sampling, self._defaults).model_dump(exclude_defaults=True)
        if "max_tokens" in sampling:
            sampling[self._max_tokens_field] = sampling.pop("max_tokens")
        messages = options.turns(prompt)
        return {"model": self._endpoint.model, "messages": messages, "extra_body": self._endpoint.body, **sampling}


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Reply(BaseModel):
    choices: tuple[_Choice, ...] = Field(min_length=1)
    usage: _Usage | None = None


def _read(body: bytes, errors: Errors) -> Completion:
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        raise errors.malformed(body) from None
    choice, usage = reply.choices[0], reply.usage or _Usage()
    reason = _FINISH.get(choice.finish_reason or "", "other")
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        raise errors.filtered(choice.message.refusal or "the provider's content filter withheld the answer")
    if choice.message.content is None and reason not in {"length", "tool_calls"}:
        raise errors.malformed(body)
    counted = Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
    return Completion(choice.message.content or "", reason, counted)


def _connect(endpoint: Endpoint, max_concurrency: int) -> tuple[AsyncOpenAI, Errors]:
    try:
        import openai  # noqa: PLC0415  # optional

        from app.models import sdk  # noqa: PLC0415  # needs what comes with the SDK
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    return sdk.connect(
        openai,
        openai.AsyncOpenAI,
        openai.OpenAIError,
        provider=OpenAI.provider,
        endpoint=endpoint,
        connections=max_concurrency,
    )
