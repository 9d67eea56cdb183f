"""What an orchestrator costs that has nothing to do, and how soon it wakes up: `python -m bench.idle`.

A process is started with a broker of its own, and left alone. Its processor time and that of its broker are
read from the operating system. Then tasks come one by one, each after a pause.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from argparse import ArgumentParser, Namespace
from statistics import median

from app.brokers.base import Connection
from app.cli.event_loop import run
from bench.support import worker_settings
from bench.support.driver import driving
from bench.support.figures import table
from testkit.process import MeasuredProcess, start

_NOWHERE = Connection("127.0.0.1:1")  # the process starts its own
#: Seconds for which it settles down after the start: a Java process compiles what it has just run.
_SETTLE = 60.0
#: Seconds between two tasks: by then nothing flows any more.
_PAUSE = 3.0
COLUMNS = ("broker", "worker %", "broker %", "together %", "answer after a pause ms", "slowest ms")


async def idle(subject: MeasuredProcess, seconds: float) -> list[float]:
    """Return the per cent of a core that the worker, its broker and both take while nothing happens."""
    await asyncio.sleep(_SETTLE)
    worker, broker, began = subject.cpu, subject.children_cpu, time.monotonic()
    await asyncio.sleep(seconds)
    share = 100 / (time.monotonic() - began)
    used = [(subject.cpu - worker) * share, (subject.children_cpu - broker) * share]
    return [*used, sum(used)]


async def waking(connection: Connection, prefix: str, partitions: int, tasks: int) -> list[float]:
    """Return the milliseconds of a task that comes after a pause: in the middle, and of the slowest."""
    took = []
    async with driving(connection, prefix, partitions) as driver:
        await driver.burst(20)  # what is run for the first time is slower
        for _ in range(tasks):
            await asyncio.sleep(_PAUSE)
            began = time.perf_counter()
            await driver.burst(1)
            took.append((time.perf_counter() - began) * 1000)
    return [median(took), max(took)]


async def measure(kind: str, options: Namespace) -> list[object]:
    """Return the row of one kind of broker."""
    with tempfile.TemporaryDirectory() as folder:
        settings = worker_settings.settings(_NOWHERE, broker={"kind": kind, "data_dir": f"{folder}/kafka"})
        subject = await start("bench.support.worker_process", settings.model_dump_json())
        try:
            wait = 5 if kind == "embedded" else 500
            connection = Connection(await subject.says("broker"), fetch_wait_ms=wait)
            await subject.says("ready")
            used = await idle(subject, options.seconds)
            topics = settings.topics
            return [kind, *used, *await waking(connection, topics.prefix, topics.partitions, options.tasks)]
        finally:
            await subject.stop()


async def main(options: Namespace) -> None:
    """Measure, and print."""
    print(table(COLUMNS, [await measure(kind, options) for kind in options.brokers]))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for which it is left alone")
    parser.add_argument("--tasks", type=int, default=10, help="that come one by one")
    parser.add_argument("--brokers", nargs="+", choices=("embedded", "kafka"), default=("embedded", "kafka"))
    run(main(parser.parse_args()))
