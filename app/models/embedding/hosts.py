"""The services that embed texts; those that also answer are in `app.models.openai.providers`, with their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from app.models.http.endpoint import ProviderDefaults
from app.models.openai.providers import OPENAI_PROVIDERS

#: Of the providers there, those whose documentation tells of embeddings.
_EMBED_TOO = (
    "azure-openai",
    "fireworks",
    "gemini",
    "llama-cpp",
    "lm-studio",
    "mistral",
    "ollama",
    "openai",
    "together",
    "vllm",
)


@dataclass(frozen=True, slots=True)
class EmbeddingHost:
    """A service, its dialect, and the header that its key is sent in, if that is no bearer token."""

    provider_defaults: ProviderDefaults
    dialect: Literal["openai", "voyage", "cohere", "titan"] = "openai"
    key_header: str | None = None


EMBEDDING_HOSTS: Mapping[str, EmbeddingHost] = MappingProxyType(
    {
        **{
            name: EmbeddingHost(OPENAI_PROVIDERS[name].provider_defaults, key_header=OPENAI_PROVIDERS[name].key_header)
            for name in _EMBED_TOO
        },
        "bedrock": EmbeddingHost(
            ProviderDefaults("AWS_BEARER_TOKEN_BEDROCK", address="https://bedrock-runtime.{region}.amazonaws.com"),
            "titan",
        ),
        "cohere": EmbeddingHost(ProviderDefaults("COHERE_API_KEY", address="https://api.cohere.com/v2"), "cohere"),
        "voyage": EmbeddingHost(ProviderDefaults("VOYAGE_API_KEY", address="https://api.voyageai.com/v1"), "voyage"),
    }
)

#: The numbers of a vector, of models that always give so many unless they are asked for another.
DIMENSIONS: Mapping[str, int] = MappingProxyType(
    {
        "amazon.titan-embed-text-v1": 1536,
        "amazon.titan-embed-text-v2:0": 1024,
        "embed-english-v3.0": 1024,
        "embed-multilingual-v3.0": 1024,
        "embed-v4.0": 1536,
        "gemini-embedding-001": 3072,
        "mistral-embed": 1024,
        "mxbai-embed-large": 1024,
        "nomic-embed-text": 768,
        "text-embedding-3-large": 3072,
        "text-embedding-3-small": 1536,
        "text-embedding-ada-002": 1536,
        "voyage-3-large": 1024,
        "voyage-3.5": 1024,
        "voyage-3.5-lite": 1024,
    }
)
