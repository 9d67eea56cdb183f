"""Compare the orchestrator with a bare Faust application that moves the same bytes: `python -m bench.floor`.

Both run at once, each in a process of its own on the same Kafka, and are given tasks in turn, so that what
else happens on the machine meets both. Processor time per task is the sturdier figure.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.event_loop import run
from bench.support import broker, samples, worker_settings
from bench.support.driver import Driver, driving
from bench.support.figures import percentile, table, with_median
from testkit.process import MeasuredProcess, running

_PAIRS = ("pair", "ours tasks/s", "bare tasks/s", "ratio", "ours CPU ms", "bare CPU ms", "CPU ratio")


@dataclass(frozen=True, slots=True)
class FloorVariant:
    """One of the two sides of the comparison."""

    subject: MeasuredProcess
    driver: Driver

    async def measure(self, tasks: int) -> tuple[float, float]:
        """Return tasks per second, and the worker's processor milliseconds per task."""
        before = self.subject.cpu
        seconds = await self.driver.burst(tasks)
        return tasks / seconds, (self.subject.cpu - before) / tasks * 1000


@asynccontextmanager
async def ours(connection: Connection) -> AsyncIterator[tuple[FloorVariant, dict[str, samples.Sample]]]:
    """Yield the orchestrator, warmed up, and what it sends."""
    settings = worker_settings.settings(connection)
    topics = settings.topics
    async with (
        running("bench.support.worker_process", settings.model_dump_json()) as subject,
        driving(connection, topics.prefix, topics.partitions) as driver,
    ):
        await driver.burst(200)
        yield FloorVariant(subject, driver), await samples.take(connection, topics.prefix, topics.partitions)


@asynccontextmanager
async def bare(connection: Connection, sent: dict[str, samples.Sample]) -> AsyncIterator[FloorVariant]:
    """Yield the bare application, warmed up."""
    settings = worker_settings.settings(connection)
    topics = settings.topics
    await ensure_topics(connection, topics)
    spec: dict[str, Any] = {"name": settings.app_id, "bootstrap": connection.bootstrap_servers}
    async with (
        running(
            "bench.support.bare_process", json.dumps({**spec, "prefix": topics.prefix, "samples": sent})
        ) as subject,
        driving(connection, topics.prefix, topics.partitions) as driver,
    ):
        await driver.burst(200)
        yield FloorVariant(subject, driver)


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(broker.kafka(options.bootstrap))
        mine, sent = await stack.enter_async_context(ours(connection))
        floor = await stack.enter_async_context(bare(connection, sent))
        rows = []
        for _ in range(options.pairs):
            (rate, cpu), (floor_rate, floor_cpu) = await mine.measure(options.tasks), await floor.measure(options.tasks)
            rows.append((rate, floor_rate, rate / floor_rate, cpu, floor_cpu, floor_cpu / cpu))
        print(table(_PAIRS, with_median(rows)), end="\n\n")
        latencies = []
        for name, side in (("ours", mine), ("bare", floor)):
            seconds = await side.driver.one_by_one(options.single)
            latencies.append([name, *(percentile(seconds, share) * 1000 for share in (0.5, 0.99))])
        print(table(("one by one", "p50 ms", "p99 ms"), latencies))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--tasks", type=int, default=1500, help="in each run")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--single", type=int, default=100, help="tasks sent one by one, for the latency")
    run(main(parser.parse_args()))
