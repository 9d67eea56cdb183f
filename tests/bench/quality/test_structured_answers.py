from __future__ import annotations

import numpy as np
import pytest

from app.fusion.registry import get
from bench.quality.simulation.exam import Exam
from bench.quality.simulation.panel import SimulatedModel, SimulatedPanel
from bench.quality.structured_answers import FIELDS, StructuredAnswers

RIGHT = [0] * FIELDS


def records(*accuracies: float, n: int = 200) -> StructuredAnswers:
    models = tuple(SimulatedModel(f"m{place}", accuracy, steady=0.0) for place, accuracy in enumerate(accuracies))
    return StructuredAnswers(SimulatedPanel(models).draw(n, np.random.default_rng(1), samples=FIELDS), Exam(1))


@pytest.mark.parametrize("field", range(FIELDS))
def test_every_field_counts_by_itself(field: int) -> None:
    exam = records(0.5)
    wrong = [3 if place == field else 0 for place in range(FIELDS)]

    assert exam.share(4, exam.record(4, wrong)) == pytest.approx(1 - 1 / FIELDS)
    assert exam.share(4, exam.record(4, RIGHT)) == 1.0


def test_options_are_told_apart_in_every_field() -> None:
    exam = records(0.5)

    for question in range(50):
        found = [exam.share(question, exam.record(question, [option] * FIELDS)) for option in range(10)]
        assert found == [1.0] + [0.0] * 9


@pytest.mark.parametrize("data", [None, {}, [], "text", {"address": None}])
def test_what_is_not_a_record_has_nothing_right(data: object) -> None:
    assert records(0.5).share(1, data) == 0  # type: ignore[arg-type]  # any JSON


def test_a_record_is_right_when_all_of_it_is() -> None:
    exam = records(0.9, n=2000)

    assert exam.best().right.mean() == pytest.approx(exam.outcomes.right.all(axis=2).mean())
    # Alone, a vote gives back the one record that there is.
    assert (exam.trial(get("vote")).right == exam.best().right).all()


def test_candidates_carry_their_record_as_text_and_data() -> None:
    one = records(0.5, 0.5).candidates(3)[1]

    assert (one.branch, one.model) == ("m1", "m1")
    assert isinstance(one.data, dict)
    assert set(one.data) == {"city", "year", "address", "tags"}
    assert str(one.data["city"]) in one.text
