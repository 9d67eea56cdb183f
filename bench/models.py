"""Processor time of one call to a model: `python -m bench.models [--peer-python PATH]`.

All sides ask the same provider on loopback, a process of its own, one call after the other; in each round each side
makes its calls in turn, so that what else the machine does falls on all of them. LiteLLM is measured with the Python
of an environment in which it is installed; see bench/README.md.
"""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser, Namespace
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from app.cli.event_loop import run, tune_garbage_collector
from bench.support.call_variants import BARE, Call, call_variants, cpu_seconds
from bench.support.figures import percentile, table
from testkit.process import MeasuredProcess
from testkit.provider.upstream import running_faulty_provider

_SCRIPT = Path(__file__).with_name("litellm_process.py")
_WARM = 20

#: Makes the calls of one round, and returns the milliseconds that each took.
Measure = Callable[[], Awaitable[list[float]]]


@asynccontextmanager
async def litellm(python: str, root: str, calls: int) -> AsyncIterator[Mapping[str, Measure]]:
    """Yield the measurement of LiteLLM, whole and streamed, warmed up."""
    command = (python, str(_SCRIPT), root, str(calls))
    limit = 1 << 20  # a line has one figure for each call
    subject = MeasuredProcess(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=limit))
    try:
        await subject.says("ready")
        yield {f"LiteLLM chat, {mode}": partial(_told, subject, mode) for mode in ("whole", "stream")}
    finally:
        await subject.kill()


async def _told(subject: MeasuredProcess, mode: str) -> list[float]:
    subject.tell(mode)
    return [float(one) for one in json.loads(await subject.says("took"))]


async def _warm(found: Mapping[str, Call]) -> None:
    for ask in found.values():
        await cpu_seconds(ask, _WARM)
    tune_garbage_collector()


async def main(options: Namespace) -> None:
    """Measure, and print."""
    async with AsyncExitStack() as stack:
        _, places = await stack.enter_async_context(running_faulty_provider())
        found = await stack.enter_async_context(call_variants(places))
        await _warm(found)
        measures: dict[str, Measure] = {name: partial(cpu_seconds, ask, options.calls) for name, ask in found.items()}
        if options.peer_python:
            root = places.root("healthy")
            measures |= await stack.enter_async_context(litellm(options.peer_python, root, options.calls))
        took: defaultdict[str, list[float]] = defaultdict(list)
        for _ in range(options.rounds):
            for name, measure in measures.items():
                took[name] += await measure()
    bare = percentile(took[BARE], 0.5)
    rows = [
        (name, len(values), percentile(values, 0.5), percentile(values, 0.9), percentile(values, 0.5) / bare)
        for name, values in took.items()
    ]
    print(table(("call", "calls", "CPU ms p50", "p90", "/ bare"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="the Python of an environment with LiteLLM")
    parser.add_argument("--calls", type=int, default=100, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=5)
    run(main(parser.parse_args()))
