"""Meta AI Orchestrator: an event-driven orchestrator of language models on Kafka.

`Client` and `AsyncClient` use its gateway over HTTP, and `KafkaClient` its topics. Each name is loaded when it is first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meta_ai_orchestrator._client.actions import Request, Response
    from meta_ai_orchestrator._client.clients import AsyncClient, Client
    from meta_ai_orchestrator._client.endpoints import AsyncStream, Stream
    from meta_ai_orchestrator._client.errors import (
        APIConnectionError,
        APIError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ConflictError,
        InternalServerError,
        InvalidResponseError,
        MetaAIError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitError,
        TaskCancelledError,
        TaskFailedError,
        UnprocessableEntityError,
        UsageError,
        WaitTimeoutError,
        WebhookVerificationError,
    )
    from meta_ai_orchestrator._client.kafka import KafkaClient
    from meta_ai_orchestrator._client.webhooks import Webhook

__version__ = "0.1.0"

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AsyncClient",
    "AsyncStream",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "InternalServerError",
    "InvalidResponseError",
    "KafkaClient",
    "MetaAIError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Request",
    "Response",
    "Stream",
    "TaskCancelledError",
    "TaskFailedError",
    "UnprocessableEntityError",
    "UsageError",
    "WaitTimeoutError",
    "Webhook",
    "WebhookVerificationError",
]
#: Where the names are that are no errors.
_HOMES = {
    "AsyncClient": "clients",
    "AsyncStream": "endpoints",
    "Client": "clients",
    "KafkaClient": "kafka",
    "Request": "actions",
    "Response": "actions",
    "Stream": "endpoints",
    "Webhook": "webhooks",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    home = import_module(f"{__name__}._client.{_HOMES.get(name, 'errors')}")
    return getattr(home, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
