"""The settings in which policies are compared by latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.routing.chain import Stage
from app.routing.registry import get
from bench.quality.intervals import Estimate, estimate
from bench.quality.simulation.queues import Load, SimulatedServer, Simulation
from bench.support.figures import table

_LOAD = Load(tasks=1000, rate=20.0)
_FAST = tuple(SimulatedServer(name, 0.5) for name in "abc")
#: Four models, one of them five times as slow; it could still serve a quarter of all tasks.
ONE_SLOW = (*_FAST, SimulatedServer("d", 2.5))
#: Four similar models, one of which is down for a while.
ONE_DOWN = (*_FAST, SimulatedServer("d", 0.5, down=(10, 30)))

_COLUMNS = ("", "p50 s", "p99 s", "calls refused for 100 tasks")


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """The results of each run of a policy: percentiles in seconds, and failed calls per task."""

    p50: Sequence[float]
    p99: Sequence[float]
    refused: Sequence[float]

    def row(self, name: str) -> list[object]:
        """Return a row of a table."""
        return [name, *map(_seconds, (self.p50, self.p99)), 100 * float(np.mean(self.refused))]


def measure(servers: Sequence[SimulatedServer], stages: Sequence[Stage], seeds: Sequence[int]) -> LatencyFigures:
    """Run a policy once with each seed: the same arrivals for every policy."""
    runs = [Simulation(servers, stages, _LOAD, seed).run() for seed in seeds]
    p50, p99 = ([float(np.percentile(run.seconds, share)) for run in runs] for share in (50, 99))
    return LatencyFigures(p50, p99, [float(run.refused.mean()) for run in runs])


def one_slow(seeds: Sequence[int]) -> Mapping[str, LatencyFigures]:
    """One of the models is slow."""
    policies = {name: (one(name),) for name in ("round-robin", "latency")}
    return {name: measure(ONE_SLOW, stages, seeds) for name, stages in policies.items()}


def one_down(seeds: Sequence[int]) -> Mapping[str, LatencyFigures]:
    """One of the models fails for a while."""
    healthy: Stage = (get("healthy"), None)
    policies = {
        "round-robin": (one("round-robin"),),
        "healthy, round-robin": (healthy, one("round-robin")),
        "latency": (one("latency"),),
    }
    return {name: measure(ONE_DOWN, stages, seeds) for name, stages in policies.items()}


def render(title: str, found: Mapping[str, LatencyFigures]) -> str:
    """Return a heading and a Markdown table; intervals are over the runs."""
    return f"### {title}\n\n{table(_COLUMNS, [waiting.row(name) for name, waiting in found.items()])}"


def one(policy: str) -> Stage:
    """Return the stage that keeps one model by a policy without options."""
    return get(policy), 1


def _seconds(values: Sequence[float]) -> str:
    found: Estimate = estimate(values)
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
