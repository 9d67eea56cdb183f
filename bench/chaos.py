"""Send many tasks through a constantly disturbed deployment; count what is lost, duplicated or paid for twice.

    python -m bench.chaos --mode kill --tasks 10000

Kafka, three workers and a model upstream run on this machine, and end with the command.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.brokers.kafka import LocalKafka
from tests.integration import scenarios
from tests.integration.harness import deploy

WORKERS = 3


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", action="append", choices=list(scenarios.MODES), help="all of them when absent")
    parser.add_argument("--tasks", type=int, default=10_000, help="for each mode (%(default)s)")
    parser.add_argument("--interval", type=float, default=9.0, help="seconds between disturbances (%(default)s)")
    parser.add_argument("--rate", type=float, default=25.0, help="tasks a second (%(default)s)")
    return parser.parse_args()


def thinking() -> float:
    """Return the seconds that a model call takes."""
    return random.uniform(0.05, 0.8)  # noqa: S311  # chance, not secrecy


async def measure(mode: str, options: argparse.Namespace, folder: Path) -> scenarios.Report:
    """Run one mode on a Kafka of its own."""
    kafka = LocalKafka(folder / mode)
    connection = await kafka.start()
    try:
        async with deploy(connection.bootstrap_servers, folder, delay=thinking) as deployment:
            await deployment.workers.start(WORKERS)
            return await scenarios.run(
                deployment,
                kafka,
                scenarios.MODES[mode],
                tasks=options.tasks,
                rate=options.rate,
                interval=options.interval,
            )
    finally:
        await kafka.stop()


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
    """Print the table, and return whether nothing was lost, doubled, or paid for twice."""
    table = Table(
        "mode", *(field.name for field in fields(scenarios.Report)), title=f"{options.tasks} tasks, {WORKERS} workers"
    )
    sound = True
    with tempfile.TemporaryDirectory() as folder:
        for mode in options.mode or scenarios.MODES:
            report = await measure(mode, options, Path(folder))
            table.add_row(*row(mode, report))
            sound &= not (report.missing or report.differing or report.repaid)
    Console(width=160).print(table)
    return sound


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(arguments())))
