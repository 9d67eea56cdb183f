"""The providers that speak OpenAI's dialects: their addresses, features and differences.

A row claims what the provider's documentation says, and no more; `options.features` adds what a server of your own
supports, and removes what a model does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from app.models.base import Features
from app.models.http.endpoint import ProviderDefaults
from topics.model_requests import Feature

DialectName = Literal["chat", "responses"]
MaxTokens = Literal["max_tokens", "max_completion_tokens"]

_BASIC: Features = frozenset({"max_tokens", "streaming", "temperature", "tools", "top_p"})
_COMMON: Features = _BASIC | {"images", "schema", "seed", "stop"}
_ALL: Features = _COMMON | {"logprobs", "reasoning_effort"}


@dataclass(frozen=True, slots=True)
class HostedProvider:
    """A hosted provider.

    `dialect` is the default of `options.dialect`. `max_tokens` and `seed` are its names of these fields. With
    `key_header` the key is sent in that header. Without `usage_option` it reports usage in a stream by itself, and
    refuses the option.
    """

    provider_defaults: ProviderDefaults
    features: Features
    dialect: DialectName = "chat"
    max_tokens: MaxTokens = "max_tokens"
    seed: str = "seed"
    key_header: str | None = None
    usage_option: bool = True


def _hosted(key: str, address: str) -> ProviderDefaults:
    return ProviderDefaults(key=key, address=address)


def _local(port: int) -> ProviderDefaults:
    return ProviderDefaults(address=f"http://127.0.0.1:{port}/v1", open=True)


def _with(*features: Feature, base: Features = _BASIC) -> Features:
    return base.union(features)


OPENAI_PROVIDERS: Mapping[str, HostedProvider] = MappingProxyType(
    {
        "azure-openai": HostedProvider(
            ProviderDefaults(example="https://RESOURCE.openai.azure.com/openai/v1"),
            _ALL,
            max_tokens="max_completion_tokens",
            key_header="api-key",
        ),
        "bedrock": HostedProvider(
            ProviderDefaults(
                "AWS_BEARER_TOKEN_BEDROCK", "AWS_BEDROCK_BASE_URL", "https://bedrock-mantle.{region}.api.aws/v1"
            ),
            _BASIC,
            max_tokens="max_completion_tokens",
        ),
        "deepseek": HostedProvider(
            _hosted("DEEPSEEK_API_KEY", "https://api.deepseek.com"),
            _with("logprobs", "reasoning_effort", "stop"),
        ),
        "fireworks": HostedProvider(
            _hosted("FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1"),
            _with("reasoning_effort", base=_COMMON),
        ),
        "gemini": HostedProvider(
            _hosted("GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta/openai"),
            _with("images", "reasoning_effort", "schema", "stop"),
        ),
        "groq": HostedProvider(
            _hosted("GROQ_API_KEY", "https://api.groq.com/openai/v1"),
            _with("reasoning_effort", base=_COMMON),
            max_tokens="max_completion_tokens",
        ),
        "llama-cpp": HostedProvider(_local(8080), _COMMON),
        "lm-studio": HostedProvider(_local(1234), _COMMON),
        "mistral": HostedProvider(
            _hosted("MISTRAL_API_KEY", "https://api.mistral.ai/v1"), _COMMON, seed="random_seed", usage_option=False
        ),
        "ollama": HostedProvider(
            ProviderDefaults(url="OLLAMA_BASE_URL", address="http://127.0.0.1:11434/v1", open=True), _ALL
        ),
        "openai": HostedProvider(
            ProviderDefaults("OPENAI_API_KEY", "OPENAI_BASE_URL"), _ALL | {"batch"}, max_tokens="max_completion_tokens"
        ),
        "openrouter": HostedProvider(_hosted("OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"), _ALL),
        "together": HostedProvider(_hosted("TOGETHER_API_KEY", "https://api.together.xyz/v1"), _COMMON),
        "vllm": HostedProvider(_local(8000), _with("logprobs", base=_COMMON)),
        "xai": HostedProvider(
            _hosted("XAI_API_KEY", "https://api.x.ai/v1"),
            _with("images", "reasoning_effort", "schema"),
            dialect="responses",  # it calls Chat Completions deprecated
        ),
    }
)
