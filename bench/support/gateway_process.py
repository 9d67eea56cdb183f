"""A worker and a gateway in one process, as `meta-ai orchestrator run` has them: its argument is the settings as JSON.

It prints `gateway HOST:PORT` and `ready`, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from app.brokers.open import open_broker
from app.cli.event_loop import run
from app.cli.orchestrator.serving import configure_logs, serve_worker
from app.gateway.server import serve_gateway
from app.settings import Settings


async def main(settings: Settings) -> None:
    """Serve until told to stop."""
    stop = asyncio.Event()
    configure_logs(settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with (
        open_broker(settings.broker) as connection,
        serve_worker(settings, connection) as served,
        serve_gateway(settings, connection) as address,
    ):
        await served.worker.ready()
        print("gateway", address, flush=True)
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    run(main(Settings.model_validate_json(sys.argv[1])))
