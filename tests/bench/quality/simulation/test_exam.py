from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from app.normalization import normalize
from bench.quality.simulation.exam import CITIES, Exam, Form, free, model_of, short
from bench.quality.simulation.seeded_random import seeded_choice, seeded_uniform

EXAM = Exam(seed=3)
BRANCHES = [f"m#{number}" for number in range(2, 30)]


@pytest.mark.parametrize("form", [short, free])
def test_what_is_written_is_read_again(form: Form) -> None:
    for question in range(20):
        for option in range(len(CITIES)):
            text = form(EXAM, question, option, "a").text
            assert EXAM.read(question, text) == [option]
            assert EXAM.grade(question, text) is (option == 0)


def test_claims_are_read_in_order_and_as_often_as_they_are_made() -> None:
    text = " ".join(short(EXAM, 5, option, "a").text for option in (3, 0, 3))

    assert EXAM.read(5, text) == [3, 0, 3]
    assert not EXAM.grade(5, text)


def test_the_right_city_differs_from_question_to_question() -> None:
    assert {EXAM.city(question, 0) for question in range(200)} == set(CITIES)


def test_short_answers_are_spelt_in_many_ways_that_mean_the_same() -> None:
    texts = {short(EXAM, 1, 2, branch).text for branch in BRANCHES}

    assert len(texts) > 3
    assert len({normalize(text) for text in texts}) == 1


def test_no_two_sentences_are_the_same() -> None:
    assert len({normalize(free(EXAM, 1, 2, branch).text) for branch in BRANCHES}) == len(BRANCHES)


def test_embeddings_are_nearer_to_those_that_mean_the_same() -> None:
    same = [EXAM.embedding(1, 2, branch) for branch in BRANCHES]
    other = [EXAM.embedding(1, 5, branch) for branch in BRANCHES]

    assert np.linalg.norm(same[0]) == pytest.approx(1)
    within = np.mean([float(one @ two) for one, two in combinations(same, 2)])
    across = np.mean([float(one @ two) for one in same for two in other])
    assert within - across > 0.1


def test_a_sample_belongs_to_its_model() -> None:
    assert (model_of("gpt#3"), model_of("gpt")) == ("gpt", "gpt")


def test_lots_are_even_and_depend_on_their_names_only() -> None:
    drawn = [seeded_choice(4, "x", number) for number in range(4000)]

    assert seeded_uniform("x", 1) == seeded_uniform("x", 1) != seeded_uniform("x", 2)
    assert all(900 < drawn.count(number) < 1100 for number in range(4))
