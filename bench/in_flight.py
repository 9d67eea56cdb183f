"""Thousands of concurrent slow model calls in one worker: `python -m bench.in_flight`.

Tasks arrive at a steady rate, chosen so that about `--in-flight` calls of `--delay` seconds are under way at
any time. What a call is delayed beyond its own time is measured from the outside: from the moment in which
its request was produced to the one in which its response has been read back from Kafka.
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.brokers.base import Connection
from app.cli.event_loop import run
from app.delivery.envelope import first
from app.settings import Settings
from bench.support import broker, worker_settings
from bench.support.driver import Driver, driving
from bench.support.figures import percentile, table
from testkit.process import MeasuredProcess, running
from topics import MODEL_REQUESTS, MODEL_RESPONSES


@dataclass(slots=True)
class Watch:
    """The observed calls: the start of open requests in epoch seconds, and the duration of answered ones."""

    asked: dict[str, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    async def follow(self, connection: Connection, settings: Settings) -> None:
        """Read requests and responses until cancelled."""
        names = [settings.topics.prefix + topic.name for topic in (MODEL_REQUESTS, MODEL_RESPONSES)]
        async with AIOKafkaConsumer(bootstrap_servers=connection.bootstrap_servers) as consumer:
            tps = [TopicPartition(name, number) for name in names for number in range(settings.topics.partitions)]
            consumer.assign(tps)
            await consumer.seek_to_end(*tps)
            async for record in consumer:
                self._note(first(record.headers, "ce_id") or "", record.timestamp / 1000)

    def _note(self, event: str, timestamp: float) -> None:
        request = event.removesuffix("/response")
        if request == event:
            self.asked[event] = timestamp
        elif (since := self.asked.pop(request, None)) is not None:
            self.took.append(time.time() - since)


async def feed(driver: Driver, per_second: float, seconds: float) -> None:
    """Send tasks at a steady rate; a late one does not delay the next."""
    started = time.monotonic()
    for number in range(round(per_second * seconds)):
        await asyncio.sleep(started + number / per_second - time.monotonic())
        await driver.send()


async def sample(watch: Watch, subject: MeasuredProcess, options: Namespace) -> list[list[object]]:
    """Return rows of what was measured in each quarter of the time for which the calls are held."""
    await asyncio.sleep(options.delay + 5.0)  # until all calls are in flight
    rows: list[list[object]] = []
    for quarter in range(1, 5):
        watch.took.clear()
        cpu = subject.cpu
        await asyncio.sleep(options.seconds / 4)
        added = [took - options.delay for took in watch.took]
        latency = [percentile(added, share) * 1000 for share in (0.5, 0.99)]
        load = (subject.cpu - cpu) / (options.seconds / 4) * 100
        rows.append([quarter, len(watch.asked), len(added), *latency, load, subject.rss])
    return rows


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(broker.kafka(options.bootstrap))
        models = {name: worker_settings.slow(options.delay) for name in worker_settings.MODELS}
        # What ended is soon forgotten, so that memory has its steady state within the time of this run. Of the places
        # for events in flight, a part stays free for other models than those that are busy.
        delivery = {"remember": 5.0, "max_in_flight": 2 * options.in_flight}
        settings = worker_settings.settings(connection, models=models, delivery=delivery)
        topics = settings.topics
        subject = await stack.enter_async_context(running("bench.support.worker_process", settings.model_dump_json()))
        driver = await stack.enter_async_context(driving(connection, topics.prefix, topics.partitions))
        watch, rate = Watch(), options.in_flight / options.delay / len(models)
        following = asyncio.create_task(watch.follow(connection, settings))
        feeding = asyncio.create_task(feed(driver, rate, options.seconds + options.delay + 10.0))
        rows = await sample(watch, subject, options)
        for task in (feeding, following):
            task.cancel()
        await asyncio.gather(feeding, following, return_exceptions=True)
    print(f"{rate:.3g} tasks/s, each with {len(models)} calls of {options.delay:g} s\n")
    print(table(("quarter", "in flight", "answered", "added p50 ms", "added p99 ms", "CPU %", "RSS MiB"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--in-flight", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=10.0, help="seconds that a call takes")
    parser.add_argument("--seconds", type=float, default=120.0, help="for which the calls are held")
    run(main(parser.parse_args()))
