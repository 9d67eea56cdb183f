"""Position bias of a judge, and the effect of asking in both orders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.fusion.registry import get
from bench.quality.casting import JUDGE_ACCURACY
from bench.quality.fusing import Fusion, Trial, alone
from bench.quality.fusion_settings import DIVERSE
from bench.quality.report import Setting
from bench.quality.simulation.actors import SimulatedJudge
from bench.quality.simulation.exam import Exam, free
from bench.quality.simulation.panel import PanelAnswers

BIAS = 1.0


def positions(n: int, seed: int) -> Setting:
    """The same judge without bias, with a bias for either position, and one that is asked in one order only."""
    outcomes, exam = DIVERSE.draw(n, np.random.default_rng(seed)), Exam(seed)
    return Setting("Best of n, by a judge that prefers a place", alone(outcomes), compare_positions(outcomes, exam))


def compare_positions(outcomes: PanelAnswers, exam: Exam) -> Mapping[str, Trial]:
    """Return the results of `best-of-n` with each of these judges."""
    judges = {
        "no bias": SimulatedJudge(exam, JUDGE_ACCURACY),
        "prefers the first": SimulatedJudge(exam, JUDGE_ACCURACY, bias=BIAS),
        "prefers the last": SimulatedJudge(exam, JUDGE_ACCURACY, bias=-BIAS),
        "prefers the first, one order only": SimulatedJudge(exam, JUDGE_ACCURACY, bias=BIAS, stubborn=True),
    }
    strategy = get("best-of-n", {"judge": "judge"})
    return {
        name: Fusion(outcomes, exam, free, actors={"judge": judge}, costs={"judge": 1.0}).trial(strategy)
        for name, judge in judges.items()
    }
