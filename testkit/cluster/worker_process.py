"""One worker as a process: `python -m testkit.cluster.worker_process '<json>'`.

The JSON has `bootstrap_servers`, `settings`, and the names of `faults` to build in. It prints `ready`,
stops in order at SIGTERM, and also when its standard input closes, so that it never outlives a test. At
SIGUSR1 it logs what it is doing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from typing import Any

from app.brokers.base import Connection
from app.settings import Settings
from app.worker.components import components
from app.worker.worker import Worker
from testkit.cluster import faults


def _listen() -> asyncio.Event:
    """Return what is set when this process is asked to stop."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    loop.add_signal_handler(signal.SIGUSR1, _say_what_is_going_on)
    loop.add_reader(sys.stdin.fileno(), _hear, asked)
    return asked


def _hear(asked: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    asked.set()


def _say_what_is_going_on() -> None:
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)


def _say_ready(ready: asyncio.Task[None]) -> None:
    if not ready.cancelled():
        print("ready", flush=True)  # read by the harness


async def main(config: dict[str, Any]) -> None:
    """Run the worker that `config` describes."""
    asked = _listen()
    settings = Settings.model_validate(config["settings"])
    deps = components(settings)
    for name in config["faults"]:
        deps = faults.ALL[name](deps)
    worker = Worker(settings, Connection(config["bootstrap_servers"]), deps)
    await worker.start()
    stop, ready = asyncio.create_task(asked.wait()), asyncio.create_task(worker.ready())
    ready.add_done_callback(_say_ready)
    await asyncio.wait({stop, asyncio.create_task(worker.broken())}, return_when=asyncio.FIRST_COMPLETED)
    if not asked.is_set():
        sys.exit("a part that the worker needs has ended")
    ready.cancel()
    await worker.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format=f"{os.getpid()} %(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(main(json.loads(sys.argv[1])))
