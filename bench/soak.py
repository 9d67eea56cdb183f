"""Check that nothing grows while a provider keeps failing: `python -m bench.soak --calls 100000`.

Thousands of calls are in flight at once, through all adapters, whole and streamed, to a provider that fails a share of
them: 500, 429, cut, reset, silent. The command exits with 1 if tasks, connections or memory are higher in the last
quarter of the calls than in the second, or if a call ends in a way in which none should.
"""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple, dataclass
from itertools import cycle, product
from statistics import median

import psutil  # type: ignore[import-untyped]  # ships no types

from app.cli.event_loop import run, tune_garbage_collector
from app.models.base import Prompt
from app.models.calling.call import call
from app.models.limits.factory import build_limiter
from app.models.limits.limiter import Limiter
from app.models.outcome import Outcome, Piece
from app.models.registry import build
from app.routing.health_recorder import HealthRecorder
from app.settings import ModelSettings
from bench.support.figures import table
from testkit.bounded_limiter import BoundedLimiter
from testkit.provider.exchange import ANSWER
from testkit.provider.faulty import FaultyProviderUrls
from testkit.provider.upstream import ADAPTERS, model_settings, running_faulty_provider
from topics.model_requests import Message

_PROMPT = Prompt((Message(role="user", content="What does every good answer have?"),))
_SAMPLES = 40
#: The relative growth of a figure that still counts as noise.
TOLERANCE = {"tasks": 0.05, "connections": 0.1, "RSS MiB": 0.1}
#: The allowed outcomes of calls to a failing provider.
_NAMED = frozenset({"right", "unavailable", "rate_limited", "timeout", "overloaded"})


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """The resources of this process after this many calls; memory in MiB."""

    calls: int
    tasks: int
    connections: int
    rss: float


@dataclass(frozen=True, slots=True)
class Target:
    """One adapter and mode to call."""

    limiter: Limiter
    settings: ModelSettings
    stream: bool


class Soak:
    """Makes calls until enough are made, and takes samples meanwhile."""

    def __init__(self, targets: Sequence[Target], calls: int) -> None:
        self.samples: list[ResourceSample] = []
        self.ends: Counter[str] = Counter()
        self._targets: Iterator[Target] = cycle(targets)
        self._calls, self._begun, self._ended = calls, 0, 0
        self._process = psutil.Process()

    async def run(self, in_flight: int) -> None:
        """Run until all calls have ended."""
        await asyncio.gather(*(self._work() for _ in range(in_flight)))

    async def _work(self) -> None:
        while self._begun < self._calls:
            self._begun += 1
            target = next(self._targets)
            sink = _ignore if target.stream else None
            self.ends[_end(await call(target.limiter, _PROMPT, settings=target.settings, sink=sink))] += 1
            self._ended += 1
            if self._ended * _SAMPLES // self._calls > len(self.samples):
                self._sample()

    def _sample(self) -> None:
        tasks, connections = len(asyncio.all_tasks()), len(self._process.net_connections("tcp"))
        self.samples.append(ResourceSample(self._ended, tasks, connections, self._process.memory_info().rss / 2**20))


async def _ignore(_: Piece) -> None:
    """Ignore a piece; only the completion counts."""


def _end(outcome: Outcome) -> str:
    if outcome.completion is None:
        return outcome.error.code if outcome.error else "nothing"
    return "right" if outcome.completion.text == ANSWER else "wrong"


def grown(samples: Sequence[ResourceSample]) -> list[str]:
    """Return a line for each figure that is higher in the last quarter than in the second, beyond the tolerance."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    found = []
    for place, (name, tolerance) in enumerate(TOLERANCE.items(), start=1):
        before, after = (median(astuple(one)[place] for one in part) for part in (early, late))
        if after > before * (1 + tolerance):
            found.append(f"{name} grew from {before:,.0f} to {after:,.0f}")
    return found


@asynccontextmanager
async def targets(places: FaultyProviderUrls, in_flight: int, *, guards: bool) -> AsyncIterator[list[Target]]:
    """Yield every adapter with whole and with streamed answers, each with room for all calls."""
    async with AsyncExitStack() as stack:
        found = []
        for adapter, stream in product(ADAPTERS, (False, True)):
            patience = {"timeout": 10.0, "first_token_timeout": 10.0, "token_timeout": 10.0, "connect_timeout": 10.0}
            raw = model_settings(
                adapter, places.root("mixed"), **patience, total_timeout=60.0, max_concurrency=in_flight
            )
            settings = ModelSettings.model_validate(raw)
            component = build(adapter, settings)
            stack.push_async_callback(component.close)
            circuit = HealthRecorder("bench").circuit("m")
            limiter = (
                build_limiter("m", component, settings, circuit) if guards else BoundedLimiter(component, in_flight)
            )
            found.append(Target(limiter, settings, stream))
        yield found


async def main(options: Namespace) -> int:
    """Make the calls, print, and return the exit code."""
    async with AsyncExitStack() as stack:
        _, places = await stack.enter_async_context(running_faulty_provider("--share", str(options.share)))
        ways = await stack.enter_async_context(targets(places, options.in_flight, guards=options.guards))
        tune_garbage_collector()
        soak, started = Soak(ways, options.calls), time.monotonic()
        await soak.run(options.in_flight)
        seconds = time.monotonic() - started
    step = _SAMPLES // 10
    print(table(("calls", *TOLERANCE), [astuple(sample) for sample in soak.samples[step - 1 :: step]]))
    print(f"\n{options.calls:,} calls, {options.in_flight:,} at once, in {seconds:.0f} s; ended: {dict(soak.ends)}")
    wrong = grown(soak.samples) + [f"{soak.ends[end]} calls ended {end}" for end in soak.ends.keys() - _NAMED]
    print("\n".join(wrong) or "nothing grew")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=2000)
    parser.add_argument("--guards", action="store_true", help="let breakers and bulkheads decide who may call")
    parser.add_argument("--share", type=float, default=0.3, help="of the calls that fail")
    sys.exit(run(main(parser.parse_args())))
