"""Open the broker that the settings name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any

from app.brokers.base import Connection
from app.errors import BrokerError
from app.settings import BrokerSettings

_KINDS = {
    "embedded": "app.brokers.embedded:run",
    "kafka": "app.brokers.kafka:run",
    "cluster": "app.brokers.cluster:run",
}

_WATCH_SECONDS = 0.2

#: Starts or finds a broker; on exit, stops what it started.
Run = Callable[[BrokerSettings], AbstractAsyncContextManager[Connection]]


@asynccontextmanager
async def open_broker(settings: BrokerSettings) -> AsyncIterator[Connection]:
    """Yield the connection to the broker in the settings, once it answers; if started here, it stops with the block.

    If it was started here and ends before the block does, the block is cancelled.

    Raises:
        BrokerError: it cannot be started, does not answer, or has ended.
        ConfigurationError: a certificate or key cannot be read.
        MissingDependency: the broker's optional package is not installed.
    """
    module, name = _KINDS[settings.kind].split(":")
    run: Run = getattr(import_module(module), name)
    async with run(settings) as connection, _cancelled_when_gone(connection):
        yield connection


@asynccontextmanager
async def _cancelled_when_gone(connection: Connection) -> AsyncIterator[None]:
    task = asyncio.current_task()
    watching = asyncio.create_task(_watch(connection, task)) if task else None
    try:
        yield
    except BaseException as error:
        if task and (sentence := connection.gone()):
            task.uncancel()
            raise BrokerError(sentence) from error
        raise
    finally:
        if watching:
            watching.cancel()


async def _watch(connection: Connection, task: asyncio.Task[Any]) -> None:
    while connection.gone() is None:  # noqa: ASYNC110  # a process tells nobody of its end
        await asyncio.sleep(_WATCH_SECONDS)
    task.cancel()
