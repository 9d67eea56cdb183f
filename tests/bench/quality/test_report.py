from __future__ import annotations

import numpy as np
import pytest

from bench.quality.fusing import Trial
from bench.quality.report import Setting

N = 400


def trial(share: float, cost: float = 1.0, calls: float = 1.0) -> Trial:
    right = (np.arange(N) < share * N).astype(np.float64)
    return Trial(right, np.full(N, cost), np.full(N, calls))


SETTING = Setting(
    "A title",
    trial(0.5, cost=2),
    {"up": trial(0.6, cost=5, calls=3), "down": trial(0.4), "same": trial(0.5)},
    {"up": "a note"},
)


def test_trials_are_compared_with_the_best_question_by_question() -> None:
    assert SETTING.against_best("up").mean == pytest.approx(0.1)
    assert SETTING.against_best("up").low > 0
    assert SETTING.against_best("same").high == 0


def test_costs_are_relative_to_the_best() -> None:
    assert SETTING.cost("up") == 2.5


def test_the_verdict_goes_by_the_interval() -> None:
    lines = SETTING.render().splitlines()
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:]}

    assert lines[0] == "### A title"
    assert [cells[name][2] for name in ("up", "down", "same")] == ["better", "worse", "as good"]
    assert cells["up"][3:] == ["2.5", "3", "a note"]
    assert cells["the best model alone"][0].startswith("50.0 [")
