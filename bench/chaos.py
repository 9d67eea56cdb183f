"""Send many tasks through a constantly disturbed deployment; count what is lost, duplicated or paid for twice.

    python -m bench.chaos --mode kill --tasks 10000

Kafka, three workers and a model upstream run on this machine, and end with the command.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.brokers.kafka import LocalKafka
from testkit.cluster import scenarios, toxiproxy
from testkit.cluster.doors import kafka_with_doors, linked
from testkit.cluster.harness import SHORT_SESSION, Deployment, deploy, new_prefix
from testkit.cluster.two_nodes import make_topics, two_nodes
from testkit.cluster.workers import Workers

WORKERS = 3
#: Seconds that a run may take; what was lost or revived shows behind it.
DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A deployment with workers, and what is done to it again and again."""

    deployment: Deployment
    disturb: Callable[[], Awaitable[None]]


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", action="append", choices=MODES, help="all of them when absent")
    parser.add_argument("--tasks", type=int, default=10_000, help="for each mode (%(default)s)")
    parser.add_argument("--interval", type=float, default=9.0, help="seconds between disturbances (%(default)s)")
    parser.add_argument("--rate", type=float, default=25.0, help="tasks a second (%(default)s)")
    return parser.parse_args()


def thinking() -> float:
    """Return the seconds that a model call takes."""
    return random.uniform(0.05, 0.8)  # noqa: S311  # chance, not secrecy


@asynccontextmanager
async def plain(mode: str, folder: Path) -> AsyncIterator[Scene]:
    """Yield workers on one Kafka, and what one of `scenarios.MODES` does to them."""
    kafka = LocalKafka(folder / mode)
    connection = await kafka.start()
    try:
        async with deploy(connection.bootstrap_servers, folder, delay=thinking, deadline=DEADLINE) as deployment:
            await deployment.workers.start(WORKERS)
            yield Scene(deployment, partial(scenarios.MODES[mode], deployment, kafka))
    finally:
        await kafka.stop()


@asynccontextmanager
async def cut_link(folder: Path) -> AsyncIterator[Scene]:
    """Yield workers of which one is cut off until it is given up, and all partitions change hands again then."""
    go = shutil.which("go")
    if go is None:
        sys.exit("cut-link needs Go, to build toxiproxy")
    proxy = await asyncio.to_thread(toxiproxy.build, go, folder)
    async with (
        kafka_with_doors(folder / "doors") as doors,
        linked(proxy, doors, folder, delay=thinking, deadline=DEADLINE, session_timeout=SHORT_SESSION) as scene,
    ):
        deployment, between = scene
        async with Workers(deployment.traffic.servers, deployment.raw, folder / "others.log") as others:
            await asyncio.gather(deployment.workers.start(1), others.start(WORKERS - 1))
            yield Scene(deployment, partial(scenarios.cut_off, deployment, between, others))


@asynccontextmanager
async def partition_away(folder: Path) -> AsyncIterator[Scene]:
    """Yield workers on a Kafka of two nodes, of which the one that leads a partition of each topic dies."""
    prefix = new_prefix()
    async with two_nodes(folder / "nodes") as nodes:
        await make_topics(nodes.servers, prefix)
        async with deploy(nodes.servers, folder, delay=thinking, deadline=DEADLINE, prefix=prefix) as deployment:
            await deployment.workers.start(WORKERS)
            yield Scene(deployment, partial(scenarios.away, nodes.second))


#: The modes that need more than one Kafka and workers beside it.
SCENES = {"cut-link": cut_link, "partition-away": partition_away}
MODES = (*scenarios.MODES, *SCENES)


async def measure(mode: str, options: argparse.Namespace, folder: Path) -> scenarios.Report:
    """Run one mode on a Kafka of its own, and wait until all deadlines are past."""
    async with SCENES[mode](folder) if mode in SCENES else plain(mode, folder) as scene:
        return await scenarios.run(
            scene.deployment,
            scene.disturb,
            tasks=options.tasks,
            rate=options.rate,
            interval=options.interval,
            after=DEADLINE,
        )


def row(mode: str, report: scenarios.Report) -> list[str]:
    """Return a table row: names are counted, numbers shown."""
    return [mode, *(_cell(getattr(report, field.name)) for field in fields(report))]


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return str(len(value))
    if isinstance(value, dict):
        return " ".join(f"{name} {count}" for name, count in sorted(value.items()))
    return f"{value:.0f}" if isinstance(value, float) else str(value)


async def main(options: argparse.Namespace) -> bool:
    """Print the table, and return whether nothing was lost, doubled, overturned, or paid for twice."""
    table = Table(
        "mode", *(field.name for field in fields(scenarios.Report)), title=f"{options.tasks} tasks, {WORKERS} workers"
    )
    sound = True
    with tempfile.TemporaryDirectory() as folder:
        for mode in options.mode or MODES:
            report = await measure(mode, options, Path(folder))
            table.add_row(*row(mode, report))
            sound &= not (report.missing or report.differing or report.overturned or report.repaid)
    Console(width=160).print(table)
    return sound


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(arguments())))
