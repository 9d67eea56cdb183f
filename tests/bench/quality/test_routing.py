from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.errors import ConfigurationError
from app.fusion.base import Candidate
from app.fusion.registry import get as get_strategy
from app.routing.registry import get
from bench.quality.routing import Routing
from bench.quality.simulation.exam import Exam
from bench.quality.simulation.panel import SimulatedModel, SimulatedPanel
from bench.quality.simulation.queries import Queries

PANEL = SimulatedPanel((SimulatedModel("a", 0.5), SimulatedModel("b", 0.6, cost=2), SimulatedModel("c", 0.9, cost=10)))
NAMES = PANEL.names


def routing(n: int = 60, samples: int = 1) -> Routing:
    outcomes = PANEL.draw(n, np.random.default_rng(1), samples=samples)
    return Routing(outcomes, Exam(1), Queries(outcomes, 1), get_strategy("vote"))


def test_the_chosen_models_are_asked_and_paid_for() -> None:
    trial = routing(samples=3).trial((get("fixed"), 2))

    assert (set(trial.cost), set(trial.calls)) == ({9.0}, {6.0})


def test_the_answer_is_that_of_the_models_asked_last() -> None:
    exam = routing()
    cascade = get("cascade", {"stages": [["a"], ["b"], ["c"]], "doubt": ["."]})

    wave = exam.follow([(cascade, None)], exam.question(5, NAMES))
    trial = exam.trial((cascade, None))
    assert (wave.asked, [one.branch for one in wave.latest]) == (NAMES, ["c"])
    assert len(wave.answers) == 3
    assert (trial.right == exam.outcomes.right[:, 2, 0]).all()
    assert set(trial.cost) == {13.0}


def test_what_is_looked_at_decides_where_a_cascade_ends() -> None:
    def see(_question: int, candidate: Candidate, right: bool) -> Candidate:  # noqa: FBT001  # as the field has it
        return replace(candidate, data={"right": right})

    exam = replace(routing(n=200), look=see, fusion=get_strategy("first"))
    trial = exam.trial((get("cascade", {"check": "data.right"}), None))

    assert (trial.right == exam.outcomes.right.max(axis=(1, 2))).all()  # an oracle finds who is right
    assert set(trial.calls) == {1.0, 2.0, 3.0}


def test_lookups_are_answered() -> None:
    exam = routing()
    semantic = get("semantic", {"examples": {"c": ["Tell me about general things."]}, "threshold": -1})

    assert set(exam.trial((semantic, 1)).cost) == {10.0}


def test_only_the_models_of_the_step_are_chosen_from() -> None:
    assert set(routing().trial((get("round-robin"), 1), models=("a", "b")).cost) == {1.0, 2.0}


def test_policies_that_do_not_fit_the_models_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        routing().trial((get("weighted", {"weights": {"nobody": 1}}), 1))
