from __future__ import annotations

import numpy as np

from bench.quality.intervals import gain
from bench.quality.latency_settings import LatencyFigures, one_down, one_slow, render

SEEDS = range(1, 6)


def test_latency_cuts_the_slowest_tasks_where_one_model_is_slow() -> None:
    found = one_slow(SEEDS)
    turns, latency = (np.array(found[name].p99) for name in ("round-robin", "latency"))

    assert gain(0.5 * turns, latency).low > 0  # to less than half
    assert gain(np.array(found["round-robin"].p50), np.array(found["latency"].p50)).low > 0


def test_who_is_down_is_seldom_asked() -> None:
    found = one_down(SEEDS)
    turns, healthy, latency = (np.mean(found[name].refused) for name in found)

    assert healthy < turns / 3
    assert latency < turns / 3


def test_a_row_has_intervals_over_the_runs() -> None:
    lines = render("Title", {"policy": LatencyFigures([1.0, 1.0], [2.0, 2.0], [0.01, 0.03])}).splitlines()

    assert lines[0] == "### Title"
    assert [cell.strip() for cell in lines[-1].split("|")[1:-1]] == [
        "policy",
        "1.00 [1.00, 1.00]",
        "2.00 [2.00, 2.00]",
        "2",
    ]
