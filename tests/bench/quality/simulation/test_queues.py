from __future__ import annotations

import numpy as np
import pytest

from app.routing.chain import Stage
from app.routing.registry import get
from bench.quality.simulation.queues import Load, ServerQueue, SimulatedServer, Simulation

FIXED: list[Stage] = [(get("fixed"), 1)]


def run(*servers: SimulatedServer, tasks: int = 500, rate: float = 1.0, seed: int = 1) -> Simulation:
    return Simulation(servers, FIXED, Load(tasks, rate), seed).run()


def test_calls_wait_for_a_slot_in_the_order_of_arrival() -> None:
    line = ServerQueue(SimulatedServer("a", seconds=2.0, slots=2))

    assert [line.serve(now, 1.0) for now in (0.0, 0.5, 1.0, 1.5)] == [
        (2.0, True),
        (2.5, True),
        (4.0, True),
        (4.5, True),
    ]


def test_who_is_down_refuses() -> None:
    line = ServerQueue(SimulatedServer("a", seconds=2.0, down=(10, 20)))

    assert [line.serve(now, 1.0)[1] for now in (9.9, 10.0, 19.9, 20.0)] == [True, False, False, True]


def test_without_a_queue_a_task_takes_as_long_as_its_call() -> None:
    assert run(SimulatedServer("a", 0.5, slots=1000), tasks=3000).seconds.mean() == pytest.approx(0.5, rel=0.05)


def test_a_queue_grows_when_more_comes_than_can_be_served() -> None:
    calm, crowded = (run(SimulatedServer("a", 1.0, slots=1), rate=rate).seconds for rate in (0.2, 2.0))

    assert calm.mean() < 2
    assert crowded[-100:].mean() > 100


def test_a_refused_task_goes_to_the_reserve() -> None:
    found = run(SimulatedServer("a", 0.5, down=(0, 1e9)), SimulatedServer("b", 0.5))

    assert set(found.refused) == {1.0}
    assert (found.seconds > 0.05).all()


def test_a_task_that_all_refuse_ends() -> None:
    found = run(SimulatedServer("a", 0.5, down=(0, 1e9)), SimulatedServer("b", 0.5, down=(0, 1e9)))

    assert set(found.refused) == {2.0}
    assert found.seconds == pytest.approx(np.full(500, 0.1))


def test_equal_seeds_give_equal_runs() -> None:
    one, same, other = (run(SimulatedServer("a", 0.5), seed=seed).seconds for seed in (1, 1, 2))

    assert (one == same).all()
    assert (one != other).any()
