"""The cost of waiting runs, and whether they wake in time: `python -m bench.waiting_runs`.

The workflow has one step, which waits until the time that its task names. When the state of all runs is
written, the worker is stopped and another takes them over: how long until it is ready, beside one that has
nothing to take over? Then their times come, evenly spread: how late is each result, when it has arrived?
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.admin.publishing import publish
from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.cli.event_loop import run
from app.client.client import Client, attach
from app.settings import Settings
from app.worker.restoration import runs_topic
from app.workflows.definition.deployment import plan
from app.workflows.definition.spec import Workflow
from bench.support import broker, worker_settings
from bench.support.figures import percentile, table
from testkit.process import MeasuredProcess, start
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task

_WORKFLOW = Workflow.model_validate(
    {
        "id": "waiting",
        "deadline": "1d",
        "steps": {"pause": {"kind": "wait", "until": "input.until"}},
    }
)
_STEP = b"\tpause"
_COLUMNS = (
    "runs",
    "start, empty s",
    "start, taking over s",
    "KiB a run",
    "KiB a run, taken over",
    "late p50 ms",
    "p99",
    "max",
)


class WakeTimeout(Exception):
    """The runs were due before they could be measured."""


class EventWatch:
    """Reads one topic from its beginning."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def seen(self, count: int, *, suffix: bytes = b"") -> dict[bytes, tuple[float, bytes]]:
        """Return, for so many keys that end so, when the first value of each arrived, and the value."""
        found: dict[bytes, tuple[float, bytes]] = {}
        while len(found) < count:
            for records in (await self._consumer.getmany(timeout_ms=500)).values():
                now = time.time()
                for record in records:
                    if record.key.endswith(suffix) and record.value is not None:
                        found.setdefault(record.key, (now, record.value))
        return found


@asynccontextmanager
async def watching(connection: Connection, topic: str, partitions: int) -> AsyncIterator[EventWatch]:
    """Yield a watch over an existing topic."""
    options = connection.options
    consumer = AIOKafkaConsumer(**options, auto_offset_reset="earliest", fetch_max_wait_ms=connection.fetch_wait_ms)
    async with consumer:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        yield EventWatch(consumer)


async def begin(client: Client, runs: int, first: float, spread: float) -> dict[bytes, float]:
    """Send this many tasks; return when the wait of each ends, in epoch seconds."""
    ends = {f"run-{number}".encode(): first + spread * number / runs for number in range(runs)}
    pending = []
    for key, at in ends.items():
        task = Task(
            id=key.decode(), workflow=_WORKFLOW.id, input={"until": datetime.fromtimestamp(at, UTC).isoformat()}
        )
        pending.append(await client.send(TASKS, key.decode(), task, id=key.decode()))
    await asyncio.gather(*pending)
    return ends


async def ready(settings: Settings) -> tuple[MeasuredProcess, float]:
    """Start a worker; return it with the seconds until it was ready."""
    started = time.perf_counter()
    subject = await start("bench.support.worker_process", settings.model_dump_json())
    await subject.says("ready")
    return subject, time.perf_counter() - started


async def once(connection: Connection, runs: int, options: Namespace) -> list[object]:
    """Measure with this many runs, on their own topics."""
    settings = worker_settings.settings(connection)
    topics, written = settings.topics, runs_topic(settings)
    await ensure_topics(connection, topics, [InternalTopic(written, compacted=True)])
    async with attach(settings, connection) as client:
        worker, empty = await ready(settings)
        try:
            await publish(client, plan([_WORKFLOW], {}, {}), "bench")
            before, first = worker.rss, time.time() + options.lead
            ends = await begin(client, runs, first, options.spread)
            async with watching(connection, written, topics.partitions) as watch:
                await watch.seen(runs, suffix=_STEP)
            waiting = worker.rss
            await worker.stop()
            worker, taken_over = await ready(settings)
            after = worker.rss
            if time.time() > first:
                raise WakeTimeout(
                    f"taken over {time.time() - first:.0f} s after the first should have ended: raise --lead"
                )
            async with watching(connection, topics.prefix + RESULTS.name, topics.partitions) as watch:
                results = await watch.seen(runs)
        finally:
            await worker.stop()
    return [runs, empty, taken_over, *(1024 * (rss - before) / runs for rss in (waiting, after)), *late(ends, results)]


def late(ends: dict[bytes, float], results: dict[bytes, tuple[float, bytes]]) -> list[float]:
    """Return the lateness of the results in ms: the median, the 99th percentile and the maximum.

    Raises:
        WakeTimeout: a run did not succeed, or ended too early.
    """
    for key, (at, value) in results.items():
        if Result.model_validate_json(value).status != "succeeded" or at < ends[key]:
            raise WakeTimeout(f"{key.decode()} did not wait for its time: {value.decode()[:500]}")
    lateness = [1000 * (at - ends[key]) for key, (at, _) in results.items()]
    return [percentile(lateness, 0.5), percentile(lateness, 0.99), max(lateness)]


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with broker.kafka(options.bootstrap) as connection:
        rows = []
        for runs in options.runs:
            async with asyncio.timeout(options.lead + options.spread + 300):
                rows.append(await once(connection, runs, options))
    print(table(_COLUMNS, rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--lead", type=float, default=60.0, help="seconds from the first task to the first end")
    parser.add_argument("--spread", type=float, default=30.0, help="seconds from the first end to the last")
    run(main(parser.parse_args()))
