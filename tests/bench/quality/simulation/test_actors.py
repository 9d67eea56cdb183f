from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from app.fusion.base import Call
from app.fusion.judge_parsing import score, winner
from bench.quality.simulation.actors import SimulatedFuser, SimulatedJudge, SimulatedScorer
from bench.quality.simulation.exam import Exam, free

EXAM = Exam(seed=4)
N = 2000


def call(question: int, *options: int, label: str = "") -> Call:
    texts = (free(EXAM, question, option, str(place)).text for place, option in enumerate(options))
    return Call(label, "judge", "\n".join(texts))


def share(judge: SimulatedJudge, verdict: str, *options: int) -> float:
    """Return how often the judge's reply is read as `verdict`, by the strategies' own reader."""
    return sum(winner(judge(question, call(question, *options))) == verdict for question in range(N)) / N


def test_a_judge_is_as_accurate_as_said() -> None:
    judge = SimulatedJudge(EXAM, 0.8)

    assert share(judge, "A", 0, 3) == pytest.approx(0.8, abs=0.03)
    assert share(judge, "B", 3, 0) == pytest.approx(0.8, abs=0.03)


def test_without_bias_the_order_does_not_matter_and_equals_are_equal() -> None:
    judge = SimulatedJudge(EXAM, 0.8)

    assert all(judge.lead(question, 2, 5) == -judge.lead(question, 5, 2) for question in range(100))
    assert share(judge, "tie", 4, 4) == 1.0


@pytest.mark.parametrize(("bias", "favoured"), [(1.0, "A"), (-1.0, "B")])
def test_a_biased_judge_prefers_a_place(bias: float, favoured: str) -> None:
    judge = SimulatedJudge(EXAM, 0.8, bias=bias)

    assert share(judge, favoured, 2, 5) == pytest.approx(0.84, abs=0.03)  # the normal distribution up to 1
    assert share(judge, favoured, 4, 4) == 1.0


def test_a_stubborn_judge_says_the_same_in_either_order() -> None:
    judge = SimulatedJudge(EXAM, 0.8, bias=1.0, stubborn=True)
    turned = {"A": "B", "B": "A"}

    assert all(judge.verdict(number, 2, 5) == turned[judge.verdict(number, 5, 2)] for number in range(200))
    # It prefers what it saw first, whichever that was.
    assert share(judge, "A", 2, 5) == pytest.approx(0.5, abs=0.03)


def test_a_judge_is_unclear_as_often_as_said() -> None:
    judge = SimulatedJudge(EXAM, 0.8, unclear=0.3)

    read = [winner(judge(question, call(question, 0, 3, label=str(question)))) for question in range(N)]
    assert read.count(None) / N == pytest.approx(0.3, abs=0.03)


def test_a_scorer_gives_the_better_answer_the_higher_score() -> None:
    scorer = SimulatedScorer(EXAM, 0.8)
    pairs = [[score(scorer(number, call(number, option)), top=10) or 0 for option in (0, 3)] for number in range(N)]

    assert {points for pair in pairs for points in pair} <= set(range(1, 11))
    assert np.mean([right > wrong for right, wrong in pairs]) == pytest.approx(0.75, abs=0.05)  # some are equal
    assert np.mean([right < wrong for right, wrong in pairs]) < 0.2


@pytest.mark.parametrize("claims", [(0, 0, 2), (0, 2, 3, 4), (0, 2, 2), (0, 0, 0)])
def test_a_fuser_is_right_as_often_as_its_inputs_let_it(claims: tuple[int, ...]) -> None:
    fuser = SimulatedFuser(EXAM)

    found = np.mean([EXAM.grade(question, fuser(question, call(question, *claims))) for question in range(N)])
    assert found == pytest.approx(fuser.chance(Counter(claims)), abs=0.03)


def test_a_fuser_follows_what_is_said_more_often() -> None:
    fuser, lots = SimulatedFuser(EXAM, slip=0), SimulatedFuser(EXAM, sharpness=1, slip=0)

    assert fuser.chance({0: 2, 3: 1}) == pytest.approx(4 / 5)
    assert lots.chance({0: 2, 3: 1}) == pytest.approx(2 / 3)
    assert fuser.chance({0: 1, 3: 1}) == 0.5


def test_a_fuser_never_finds_what_nobody_said() -> None:
    fuser = SimulatedFuser(EXAM)

    assert fuser.chance({2: 3}) == 0
    said = {EXAM.read(question, fuser(question, call(question, 2, 3)))[0] for question in range(100)}
    assert said == {2, 3}


def test_a_proposer_adds_its_own_claim() -> None:
    proposer = SimulatedFuser(EXAM, own=lambda question: [0] * (question % 2) * 3)

    found = [EXAM.grade(question, proposer(question, call(question, 2))) for question in range(N)]
    assert not any(found[::2])
    assert np.mean(found[1::2]) == pytest.approx(proposer.chance({0: 3, 2: 1}), abs=0.03)
