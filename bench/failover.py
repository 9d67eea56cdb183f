"""How long a partition is without a worker when one dies: `python -m bench.failover`.

Three workers share the partitions. One is killed, and at that moment enough tasks are sent that each
partition has some; the time until the last of them is answered is the time after which no partition waits.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack

from app.brokers.topics import ensure_topics
from app.cli.event_loop import run
from app.settings import Settings
from bench.support import broker, worker_settings
from bench.support.driver import Driver, driving
from bench.support.figures import table, with_median
from testkit.process import MeasuredProcess, start

_WORKERS = 3
#: With so many random keys, the odds that one of 8 partitions has none are one in 75,000.
_TASKS = 100


class Workers:
    """The workers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._subjects: list[MeasuredProcess] = []

    async def fill(self) -> None:
        """Start workers until there are three."""
        while len(self._subjects) < _WORKERS:
            self._subjects.append(await start("bench.support.worker_process", self._settings.model_dump_json()))
            await self._subjects[-1].says("ready")

    async def kill_one(self) -> None:
        """Kill the oldest one."""
        await self._subjects.pop(0).kill()

    async def stop(self) -> None:
        """Stop all."""
        for subject in self._subjects:
            await subject.stop()


async def once(crew: Workers, driver: Driver) -> tuple[float, float]:
    """Kill a worker; return the seconds until half of the tasks are answered, and until all are."""
    await crew.fill()
    await driver.burst(_TASKS)
    await crew.kill_one()
    killed, half = time.perf_counter(), 0.0
    left = {await driver.send() for _ in range(_TASKS)}
    while left:
        left.difference_update(await driver.some())
        if not half and len(left) <= _TASKS // 2:
            half = time.perf_counter() - killed
    return half, time.perf_counter() - killed


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(broker.kafka(options.bootstrap))
        settings = worker_settings.settings(connection)
        topics = settings.topics
        await ensure_topics(connection, topics)
        crew = Workers(settings)
        stack.push_async_callback(crew.stop)
        driver = await stack.enter_async_context(driving(connection, topics.prefix, topics.partitions))
        rows = [await once(crew, driver) for _ in range(options.repeats)]
    columns = ("kill", "half answered s", "all answered s")
    print(table(columns, [*with_median(rows), ["worst", *(max(column) for column in zip(*rows, strict=True))]]))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--repeats", type=int, default=3)
    run(main(parser.parse_args()))
