"""What may happen to a deployment while tasks flow, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.brokers.kafka import LocalKafka
from testkit.cluster.harness import Deployment, question
from testkit.cluster.toxiproxy import Link
from testkit.cluster.workers import Workers

#: Does one thing to the deployment, and returns when the next may follow.
Disturb = Callable[[Deployment, LocalKafka], Awaitable[None]]

# Calls are timed by our clock, and records by the workers' in whole milliseconds.
_CLOCK_SECONDS = 0.002
_STALLED_SECONDS = 60.0
_OUTAGE_SECONDS = 3.0
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Report:
    """What a scenario came to: `repeated` calls were made again, `repaid` ones although their answer was recorded."""

    seconds: float
    disturbances: int
    missing: tuple[str, ...]
    differing: tuple[str, ...]
    statuses: Counter[str]
    overturned: tuple[str, ...]
    duplicates: int
    calls: int
    repeated: int
    repaid: int


async def run(
    deployment: Deployment,
    disturb: Callable[[], Awaitable[None]],
    *,
    tasks: int,
    rate: float,
    interval: float,
    after: float = 2.0,
) -> Report:
    """Feed `tasks` at `rate` a second, `disturb` every `interval` seconds meanwhile, and wait for all results.

    What comes in the `after` seconds behind the last counts too.
    """
    started, disturbances = time.monotonic(), 0
    feeding = asyncio.create_task(_feed(deployment, tasks, rate))
    while not (await asyncio.wait({feeding}, timeout=interval))[0]:
        await disturb()
        disturbances += 1
    await feeding
    await _settle(deployment, tasks, after)
    return _report(deployment, tasks, time.monotonic() - started, disturbances)


async def _feed(deployment: Deployment, tasks: int, rate: float) -> None:
    for number in range(tasks):
        await deployment.traffic.feed(question(number))
        await asyncio.sleep(1 / rate)
    await deployment.traffic.producer.flush()


async def _settle(deployment: Deployment, tasks: int, after: float) -> None:
    """Return when all results are there, or none came for long, and then a moment later for what comes twice."""
    traffic = deployment.traffic
    traffic.last_news = time.monotonic()
    while len(traffic.results) < tasks and time.monotonic() - traffic.last_news < _STALLED_SECONDS:  # noqa: ASYNC110  # news are polled
        await asyncio.sleep(0.1)
    await asyncio.sleep(after)


def _report(deployment: Deployment, tasks: int, seconds: float, disturbances: int) -> Report:
    results, upstream = deployment.traffic.results, deployment.upstream
    return Report(
        seconds=seconds,
        disturbances=disturbances,
        missing=tuple(str(task.id) for task in map(question, range(tasks)) if task.id not in results),
        differing=tuple(key for key, values in results.items() if len({str(value.answer) for value in values}) > 1),
        statuses=Counter(values[-1].status for values in results.values()),
        overturned=overturned(deployment),
        duplicates=sum(len(values) - 1 for values in results.values()),
        calls=upstream.total,
        repeated=upstream.repeated,
        repaid=repaid(deployment),
    )


def overturned(deployment: Deployment) -> tuple[str, ...]:
    """Return the tasks whose result came again with another status or answer."""
    results = deployment.traffic.results
    return tuple(key for key, values in results.items() if len({(v.status, str(v.answer)) for v in values}) > 1)


def repaid(deployment: Deployment) -> int:
    """Count the calls that were made when their answer was on the topic already."""
    recorded = deployment.traffic.recorded
    return sum(
        at > recorded.get(f"t{asked.removeprefix('q')}/answer/{model}/1", float("inf")) + _CLOCK_SECONDS
        for (asked, model), times in deployment.upstream.calls.items()
        for at in times
    )


async def kill(deployment: Deployment, _kafka: LocalKafka) -> None:
    """Kill a worker, and start another in its place."""
    workers = deployment.workers
    await workers.kill(random.choice(list(workers)))  # noqa: S311  # chance, not secrecy
    await workers.start(ready=False)


async def roll(deployment: Deployment, _kafka: LocalKafka) -> None:
    """Stop a worker in order, and start another in its place, as a new version is rolled out."""
    workers = deployment.workers
    await workers.stop(next(iter(workers)))
    await workers.start()


async def storm(deployment: Deployment, _kafka: LocalKafka) -> None:
    """Have a worker join, or one leave in order."""
    workers = deployment.workers
    leave = len(workers) > 1 and random.random() < len(workers) / _MOST_WORKERS / 1.5  # noqa: S311  # chance
    if leave:
        await workers.stop(random.choice(list(workers)))  # noqa: S311  # chance
    else:
        await workers.start(ready=False)


async def restart_broker(_deployment: Deployment, kafka: LocalKafka) -> None:
    """Stop the broker in order, and start it again on the same port and data."""
    await kafka.stop()
    await asyncio.sleep(_OUTAGE_SECONDS)
    await kafka.start()


async def crash_broker(_deployment: Deployment, kafka: LocalKafka) -> None:
    """Kill the broker, and start it again on the same port and data."""
    await kafka.kill()
    await asyncio.sleep(_OUTAGE_SECONDS)
    await kafka.start()


async def mixed(deployment: Deployment, kafka: LocalKafka) -> None:
    """Kill a worker, and let the broker be away at the same time."""
    await asyncio.gather(kill(deployment, kafka), restart_broker(deployment, kafka))


async def cut_off(deployment: Deployment, between: Link, others: Workers) -> None:
    """Cut the deployment's workers off until they are given up; and then have each partition change hands again.

    The workers are stopped and started one after another, as for a new version.
    """
    await between.cut()
    await asyncio.sleep(3 * deployment.settings.broker.session_timeout)
    await between.join()
    for workers in (others, deployment.workers):
        for worker in workers:
            await workers.start()
            await workers.stop(worker)


async def away(kafka: LocalKafka) -> None:
    """Kill the node that leads some partitions, and start it again."""
    await kafka.kill()
    await asyncio.sleep(2 * _OUTAGE_SECONDS)
    await kafka.start()


MODES: dict[str, Disturb] = {
    "kill": kill,
    "roll": roll,
    "storm": storm,
    "restart-broker": restart_broker,
    "crash-broker": crash_broker,
    "mixed": mixed,
}
