"""`meta-ai orchestrator gateway`: host a gateway without a worker; and the gateway beside one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.brokers.base import Connection
from app.brokers.open import open_broker
from app.cli.orchestrator.serving import SignalHandler, configure_logs
from app.cli.output import Output
from app.errors import MissingDependency
from app.settings import Settings


@asynccontextmanager
async def open_gateway(
    settings: Settings, connection: Connection, ready: asyncio.Event | None = None
) -> AsyncIterator[str]:
    """Serve the gateway while the context lasts; yields its host:port. `ready` is set once it has read the topics.

    Raises:
        OrchestratorError: it cannot be started.
    """
    try:
        from app.gateway.server import serve_gateway  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
    async with serve_gateway(settings, connection, ready) as address:
        yield address


async def host_gateway(settings: Settings, output: Output) -> None:
    """Serve until a signal arrives.

    Raises:
        OrchestratorError: it cannot be started.
    """
    configure_logs(settings)
    interruption = SignalHandler()
    with interruption.handled():
        async with open_broker(settings.broker) as connection, open_gateway(settings, connection) as address:
            if output.programs:
                output.emit({"gateway": address})
            else:
                output.say(f"gateway  {settings.gateway.scheme}://{address}/v1")
            await interruption.wait()
