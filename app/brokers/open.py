"""Open the broker that the settings name."""

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

#: Starts or finds a broker; on exit, stops what it started.
Run = Callable[[BrokerSettings], AbstractAsyncContextManager[Connection]]


@asynccontextmanager
async def open_broker(settings: BrokerSettings) -> AsyncIterator[Connection]:
    """Yield the connection to the broker in the settings, once it answers; if started here, it stops with the block.

    Raises:
        BrokerError: it cannot be started, or does not answer.
        ConfigurationError: a certificate or key cannot be read.
        MissingDependency: the broker's optional package is not installed.
    """
    module, name = _KINDS[settings.kind].split(":")
    run: Run = getattr(import_module(module), name)
    async with run(settings) as connection:
        yield connection
