"""Queues of simulated models, in simulated time: the effect of a policy's choices on latency.

Tasks arrive at random (a Poisson process), in turn at each worker. A model serves some calls at once and the
others in the order of arrival; a call takes a log-normal time with the model's mean, and fails at once while
the model is down: then the next of the choice's reserves is asked. A worker measures what its own calls took,
waiting included, and tells the others every second, as the real ones do.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from app.routing.base import RoutingRequest
from app.routing.chain import Stage, choose_through
from app.routing.health import HealthBoard, Measure
from bench.quality.simulation.panel import Floats

_SPREAD = 0.5  # of the logarithm of a duration
_REFUSAL = 0.05  # the duration of a failed call
_HEALTH_INTERVAL = 1.0
_START = 1_800_000_000.0  # health is kept in epoch seconds


@dataclass(frozen=True, slots=True)
class SimulatedServer:
    """A model that serves `slots` calls at once, each for `seconds` on average, and is down in the span `down`."""

    name: str
    seconds: float
    slots: int = 16
    down: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Load:
    """Tasks that arrive at `rate` a second at one of so many workers."""

    tasks: int
    rate: float
    workers: int = 2


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A task under way: which models are left to be asked, and by how many it was refused."""

    number: int
    arrived: float
    left: tuple[str, ...] = ()
    refused: int = 0


@dataclass(slots=True)
class ServerQueue:
    """A server, and when each of its slots in use is free again."""

    server: SimulatedServer
    busy: list[float] = field(default_factory=list)

    def serve(self, now: float, takes: float) -> tuple[float, bool]:
        """Return when a call that comes now ends, and whether well; `takes` is its time where the mean is 1."""
        since, until = self.server.down
        if since <= now < until:
            return now + _REFUSAL, False
        start = now if len(self.busy) < self.server.slots else max(now, heapq.heappop(self.busy))
        done = start + takes * self.server.seconds
        heapq.heappush(self.busy, done)
        return done, True


class Simulation:
    """One run of a load against servers, routed through `stages`."""

    def __init__(self, servers: Sequence[SimulatedServer], stages: Sequence[Stage], load: Load, seed: int) -> None:
        self._lines = {server.name: ServerQueue(server) for server in servers}
        self._stages, self._load, self._seed = stages, load, seed
        self._lots = np.random.default_rng(seed)
        self._board = HealthBoard()
        self._measures = [{name: Measure() for name in self._lines} for _ in range(load.workers)]
        self._changed: set[tuple[int, str]] = set()
        self._told = 0.0
        self._numbers = count()
        #: (when, tie-breaker, task, the model that was asked, when it was, whether it answered)
        self._ends: list[tuple[float, int, QueuedTask, str, float, bool]] = []
        self.seconds: Floats = np.zeros(load.tasks)
        self.refused: Floats = np.zeros(load.tasks)

    def run(self) -> Simulation:
        """Run until all tasks are done; `seconds` and `refused` then have the time and the failed calls of each."""
        arrivals = np.cumsum(self._lots.exponential(1 / self._load.rate, self._load.tasks)).tolist()
        for number, now in enumerate(arrivals):
            self._end_until(now)
            self._call(self._route(QueuedTask(number, now), now), now)
        self._end_until(float("inf"))
        return self

    def _route(self, task: QueuedTask, now: float) -> QueuedTask:
        health = self._board.health(_START + now)
        key = f"{self._seed}/{task.number}"
        choice = choose_through(
            self._stages, RoutingRequest(tuple(self._lines), 1, key, task.number, now=_START + now, health=health)
        )
        return QueuedTask(task.number, task.arrived, (*choice.models, *choice.reserves))

    def _call(self, task: QueuedTask, now: float) -> None:
        model, *left = task.left
        takes = float(self._lots.lognormal(-(_SPREAD**2) / 2, _SPREAD))
        done, well = self._lines[model].serve(now, takes)
        task = QueuedTask(task.number, task.arrived, tuple(left), task.refused + (not well))
        heapq.heappush(self._ends, (done, next(self._numbers), task, model, now, well))

    def _end_until(self, now: float) -> None:
        """Finish all calls that end before `now`; in between, workers share what they know."""
        while self._ends and self._ends[0][0] <= now:
            at, _, task, model, asked, well = heapq.heappop(self._ends)
            self._tell_until(at)
            worker = task.number % self._load.workers
            self._measures[worker][model].observe(at - asked, well, _START + at)
            self._measures[worker][model].breaker.note(ok=well, now=_START + at)
            self._changed.add((worker, model))
            if well or not task.left:
                self.seconds[task.number], self.refused[task.number] = at - task.arrived, task.refused
            else:
                self._call(task, at)
        self._tell_until(min(now, self._ends[0][0]) if self._ends else self._told)

    def _tell_until(self, now: float) -> None:
        while self._told + _HEALTH_INTERVAL <= now:
            self._told += _HEALTH_INTERVAL
            for worker, model in sorted(self._changed):
                snapshot = self._measures[worker][model].snapshot(model, f"worker-{worker}", _START + self._told)
                self._board.apply(snapshot)
            self._changed.clear()
