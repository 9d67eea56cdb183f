"""The choice between the brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module

from app.brokers.base import Connection
from app.settings import BrokerSettings

_KINDS = {
    "embedded": "app.brokers.embedded:run",
    "kafka": "app.brokers.kafka:run",
    "cluster": "app.brokers.cluster:run",
}

#: Starts a broker, or finds one, and ends on leaving what it started.
Run = Callable[[BrokerSettings], AbstractAsyncContextManager[Connection]]


@asynccontextmanager
async def open_broker(settings: BrokerSettings) -> AsyncIterator[Connection]:
    """Yield the connection to the broker that the settings name; it answers, and ends with the block if it is ours.

    Raises:
        BrokerError: it cannot be started, or does not answer.
        ConfigurationError: a certificate or key cannot be read.
        MissingDependency: the broker's optional package is not installed.
    """
    module, name = _KINDS[settings.kind].split(":")
    run: Run = getattr(import_module(module), name)
    async with run(settings) as connection:
        yield connection
