from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import BaseModel

from app.fusion.base import Call, Calls, Candidate, Fused, Panel, Strategy, StrategyOptions
from app.fusion.registry import get
from bench.quality.fusing import Fusion, alone, branch, settle
from bench.quality.simulation import panel as panels
from bench.quality.simulation.exam import Exam, short

MODELS = (panels.SimulatedModel("a", 0.9, cost=3), panels.SimulatedModel("b", 0.5), panels.SimulatedModel("c", 0.5))


class Asking:
    """Asks one more question each round, `rounds` times; it repeats those that were answered if `again`."""

    name: ClassVar[str] = "asking"
    Options: ClassVar[type[BaseModel]] = StrategyOptions
    needs_embeddings = False
    models: tuple[str, ...] = ("judge",)

    def __init__(self, options: Any = None) -> None:
        self.rounds, self.again = options

    def fuse(self, panel: Panel) -> Fused | Calls:
        rounds = len(panel.replies)
        if rounds == self.rounds:
            return Fused("; ".join(str(reply) for reply in panel.replies.values()), "", 1.0, "")
        return Calls(tuple(Call(str(at), "judge", "?") for at in range(rounds + (0 if self.again else 1))))

    def decided(self, candidates: Sequence[Candidate], outstanding: int) -> bool:
        return not candidates and outstanding == 0


def settled(strategy: Strategy) -> tuple[Fused, tuple[Call, ...]]:
    return settle(
        strategy, Panel([Candidate("a", "x")]), 7, {"judge": lambda question, call: f"{question} {call.label}"}
    )


def fusion(n: int = 50, samples: int = 1) -> Fusion:
    outcomes = panels.SimulatedPanel(MODELS).draw(n, np.random.default_rng(1), samples=samples)
    return Fusion(outcomes, Exam(1), short)


def test_calls_are_answered_until_the_answer_is_there_and_none_is_made_twice() -> None:
    fused, calls = settled(Asking((3, False)))

    assert fused.text == "7 0; 7 1; 7 2"
    assert [call.label for call in calls] == ["0", "1", "2"]


def test_who_asks_again_what_it_was_told_is_stopped() -> None:
    with pytest.raises(RuntimeError, match="repeats its calls"):
        settled(Asking((3, True)))


def test_who_asks_without_end_is_stopped() -> None:
    with pytest.raises(RuntimeError, match="did not finish"):
        settled(Asking((1000, False)))


def test_candidates_are_what_the_models_said() -> None:
    exam = fusion(samples=2)
    found = exam.candidates(3)

    assert sorted(one.branch for one in found) == ["a", "a#2", "b", "b#2", "c", "c#2"]
    said = {one.branch: exam.exam.read(3, one.text)[0] for one in found}
    assert [said["a"], said["a#2"], said["b#2"]] == [*exam.outcomes.said[3, 0], exam.outcomes.said[3, 1, 1]]


def test_neither_arrival_nor_preference_tells_who_is_good() -> None:
    exam = fusion(n=600)
    pools = [exam.candidates(question) for question in range(600)]
    firsts = [pool[0].branch for pool in pools]
    preferred = [exam.panel(question, pool).order[0] for question, pool in enumerate(pools)]

    for found in (firsts, preferred):
        assert all(150 < found.count(name) < 250 for name in "abc")


def test_a_trial_has_an_account_of_every_question() -> None:
    trial = fusion(samples=2).trial(get("vote"))

    assert (len(trial.right), set(trial.cost), set(trial.calls)) == (50, {10.0}, {6.0})
    assert 0.5 < trial.right.mean() < 1.0


def test_calls_of_a_strategy_are_paid_for() -> None:
    exam = fusion()
    costly = Fusion(exam.outcomes, exam.exam, short, actors={"judge": lambda *_: "?"}, costs={"judge": 7.0})

    trial = costly.trial(Asking((2, False)))
    assert (set(trial.cost), set(trial.calls), set(trial.right)) == ({19.0}, {5.0}, {0.0})


def test_it_can_be_enough_that_the_right_one_is_among_those_given() -> None:
    exam = fusion(n=300)

    alone, among = (exam.trial(get("concat"), among=among).right.mean() for among in (False, True))
    assert alone < 0.5
    assert among > 0.9


def test_the_best_model_alone_is_asked_once() -> None:
    exam = fusion(samples=2)
    trial = alone(exam.outcomes)

    assert (trial.right == exam.outcomes.right[:, 0, 0]).all()
    assert (set(trial.cost), set(trial.calls)) == ({3.0}, {1.0})


def test_branches_are_named_as_the_engine_names_them() -> None:
    assert [branch("m", sample) for sample in range(3)] == ["m", "m#2", "m#3"]
