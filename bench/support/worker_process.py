"""One worker in its own process, served as by `meta-ai orchestrator run`: its argument is the settings as JSON.

It prints `broker HOST:PORT` when its broker answers, `ready` when it accepts tasks, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from app.brokers.open import open_broker
from app.cli.event_loop import run
from app.cli.orchestrator.serving import configure_logs, serve_worker
from app.settings import Settings


async def main(settings: Settings) -> None:
    """Work until told to stop."""
    stop = asyncio.Event()
    configure_logs(settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_broker(settings.broker) as connection:
        print("broker", connection.bootstrap_servers, flush=True)
        async with serve_worker(settings, connection) as served:
            await served.worker.ready()
            print("ready", flush=True)
            await stop.wait()


if __name__ == "__main__":
    run(main(Settings.model_validate_json(sys.argv[1])))
