"""Tasks per second against LangGraph, doing the same steps: `python -m bench.langgraph_peer --peer-python PATH`.

LangGraph runs the graph in its own process, calling functions; the orchestrator sends every step through
Kafka. Each is measured in turn, in the same run. See bench/README.md for the peer's environment.
"""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from app.cli.event_loop import run
from bench.floor import ours
from bench.support import broker
from bench.support.figures import table, with_median
from testkit.process import MeasuredProcess

_SCRIPT = Path(__file__).with_name("langgraph_process.py")


class Peer:
    """LangGraph in its own process, which measures on request."""

    def __init__(self, subject: MeasuredProcess, tasks: int) -> None:
        self._subject = subject
        self._tasks = tasks

    async def measure(self) -> tuple[float, float]:
        """Return tasks per second, and processor milliseconds per task."""
        self._subject.tell("go")
        seconds, cpu = map(float, (await self._subject.says("took", seconds=600.0)).split())
        return self._tasks / seconds, cpu / self._tasks * 1000


@asynccontextmanager
async def langgraph(python: str, kind: str, options: Namespace) -> AsyncIterator[Peer]:
    """Yield LangGraph with this kind of checkpoints, warmed up."""
    command = (python, str(_SCRIPT), kind, str(options.tasks), str(options.concurrency))
    subject = MeasuredProcess(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))
    try:
        await subject.says("ready")
        peer = Peer(subject, options.tasks)
        await peer.measure()
        yield peer
    finally:
        await subject.kill()


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(broker.kafka(options.bootstrap))
        mine, _ = await stack.enter_async_context(ours(connection))
        memory, sqlite = [
            await stack.enter_async_context(langgraph(options.peer_python, kind, options))
            for kind in ("memory", "sqlite")
        ]
        rows = []
        for _ in range(options.rounds):
            (rate, cpu), (in_memory, memory_cpu), (in_sqlite, sqlite_cpu) = (
                await mine.measure(options.tasks),
                await memory.measure(),
                await sqlite.measure(),
            )
            rows.append((rate, in_memory, in_sqlite, rate / in_memory, rate / in_sqlite, cpu, memory_cpu, sqlite_cpu))
    columns = ("round", "ours tasks/s", "memory", "SQLite", "ours / memory", "ours / SQLite")
    print(table((*columns, "ours CPU ms", "memory CPU ms", "SQLite CPU ms"), with_median(rows)))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    broker.add_option(parser)
    parser.add_argument("--peer-python", required=True, help="the Python of an environment with requirements/bench.txt")
    parser.add_argument("--tasks", type=int, default=600, help="in each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=100, help="LangGraph runs at once")
    run(main(parser.parse_args()))
