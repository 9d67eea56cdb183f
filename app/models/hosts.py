"""The providers that speak OpenAI's dialects: where each is, what it can do, and where it differs.

A row claims what the provider's documentation says, and no more; `options.features` adds what a server of one's own
can do, and takes away what a model cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from app.models.base import Features
from app.models.endpoint import Home
from topics.model_requests import Feature

DialectName = Literal["chat", "responses"]
MaxTokens = Literal["max_tokens", "max_completion_tokens"]

_BASIC: Features = frozenset({"max_tokens", "streaming", "temperature", "tools", "top_p"})
_COMMON: Features = _BASIC | {"images", "schema", "seed", "stop"}
_ALL: Features = _COMMON | {"logprobs", "reasoning_effort"}


@dataclass(frozen=True, slots=True)
class Host:
    """A provider.

    `dialect` is what it is asked in unless `options.dialect` says otherwise. `max_tokens` and `seed` are its names of
    these fields. One with `key_header` takes the key there. One without `usage_option` counts tokens in a stream
    unasked, and refuses to be asked.
    """

    home: Home
    features: Features
    dialect: DialectName = "chat"
    max_tokens: MaxTokens = "max_tokens"
    seed: str = "seed"
    key_header: str | None = None
    usage_option: bool = True


def _hosted(key: str, address: str) -> Home:
    return Home(key=key, address=address)


def _own(port: int) -> Home:
    return Home(address=f"http://127.0.0.1:{port}/v1", open=True)


def _with(*features: Feature, base: Features = _BASIC) -> Features:
    return base.union(features)


HOSTS: Mapping[str, Host] = MappingProxyType(
    {
        "azure-openai": Host(
            Home(example="https://RESOURCE.openai.azure.com/openai/v1"),
            _ALL,
            max_tokens="max_completion_tokens",
            key_header="api-key",
        ),
        "bedrock": Host(
            Home("AWS_BEARER_TOKEN_BEDROCK", "AWS_BEDROCK_BASE_URL", "https://bedrock-mantle.{region}.api.aws/v1"),
            _BASIC,
            max_tokens="max_completion_tokens",
        ),
        "deepseek": Host(
            _hosted("DEEPSEEK_API_KEY", "https://api.deepseek.com"),
            _with("logprobs", "reasoning_effort", "stop"),
        ),
        "fireworks": Host(
            _hosted("FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1"),
            _with("reasoning_effort", base=_COMMON),
        ),
        "gemini": Host(
            _hosted("GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta/openai"),
            _with("images", "reasoning_effort", "schema", "stop"),
        ),
        "groq": Host(
            _hosted("GROQ_API_KEY", "https://api.groq.com/openai/v1"),
            _with("reasoning_effort", base=_COMMON),
            max_tokens="max_completion_tokens",
        ),
        "llama-cpp": Host(_own(8080), _COMMON),
        "lm-studio": Host(_own(1234), _COMMON),
        "mistral": Host(
            _hosted("MISTRAL_API_KEY", "https://api.mistral.ai/v1"), _COMMON, seed="random_seed", usage_option=False
        ),
        "ollama": Host(_own(11434), _ALL),
        "openai": Host(Home("OPENAI_API_KEY", "OPENAI_BASE_URL"), _ALL | {"batch"}, max_tokens="max_completion_tokens"),
        "openrouter": Host(_hosted("OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"), _ALL),
        "together": Host(_hosted("TOGETHER_API_KEY", "https://api.together.xyz/v1"), _COMMON),
        "vllm": Host(_own(8000), _with("logprobs", base=_COMMON)),
        "xai": Host(
            _hosted("XAI_API_KEY", "https://api.x.ai/v1"),
            _with("images", "reasoning_effort", "schema"),
            dialect="responses",  # it calls the other one deprecated
        ),
    }
)
