"""The simulated actors that strategies call in one exam."""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.quality.fusing import Actor, Fusion
from bench.quality.simulation.actors import SimulatedFuser, SimulatedJudge, SimulatedScorer
from bench.quality.simulation.exam import Exam, free
from bench.quality.simulation.panel import PanelAnswers

JUDGE_ACCURACY = 0.8
_UNCLEAR = 0.02


def actors(outcomes: PanelAnswers, exam: Exam, **judge: Any) -> dict[str, Actor]:
    """Return a judge, a scorer, a fuser, and for each model one that revises its proposal after seeing others."""
    cast: dict[str, Actor] = {
        "judge": SimulatedJudge(exam, JUDGE_ACCURACY, unclear=_UNCLEAR, **judge),
        "scorer": SimulatedScorer(exam, JUDGE_ACCURACY),
        "fuser": SimulatedFuser(exam),
        "fuser by lot": SimulatedFuser(exam, sharpness=1),
    }
    for place, name in enumerate(outcomes.panel.names):
        cast[proposer(name)] = SimulatedFuser(exam, own=partial(_said, outcomes, place))
    return cast


def proposer(model: str) -> str:
    """Return the name under which a model of the panel revises its proposal."""
    return f"proposer of {model}"


def with_actors(outcomes: PanelAnswers, exam: Exam, **judge: Any) -> Fusion:
    """Return the exam of a panel that answers in free text; every call costs 1."""
    cast = actors(outcomes, exam, **judge)
    return Fusion(outcomes, exam, free, actors=cast, costs=dict.fromkeys(cast, 1.0))


def _said(outcomes: PanelAnswers, place: int, question: int) -> list[int]:
    said: list[int] = outcomes.said[question, place].tolist()
    return said
