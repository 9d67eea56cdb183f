from __future__ import annotations

import numpy as np

from app.fusion.base import Call
from bench.quality.casting import actors, proposer, with_actors
from bench.quality.simulation.exam import Exam
from bench.quality.simulation.panel import SimulatedModel, SimulatedPanel

EXAM = Exam(5)
OUTCOMES = SimulatedPanel((SimulatedModel("sure", 0.9999), SimulatedModel("lost", 0.0001))).draw(
    100, np.random.default_rng(1)
)


def test_who_proposes_again_knows_what_it_said_and_has_seen_others() -> None:
    cast = actors(OUTCOMES, EXAM)
    right = {
        name: np.mean([EXAM.grade(at, cast[proposer(name)](at, Call("x", "", EXAM.city(at, 5)))) for at in range(100)])
        for name in OUTCOMES.panel.names
    }

    assert 0.3 < right["sure"] < 0.7  # one claim against one
    assert right["lost"] == 0


def test_everybody_can_be_called_at_a_price() -> None:
    exam = with_actors(OUTCOMES, EXAM, bias=1.0)

    assert set(exam.actors) == {"judge", "scorer", "fuser", "fuser by lot", proposer("sure"), proposer("lost")}
    assert set(exam.costs) == set(exam.actors)
