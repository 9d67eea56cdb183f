from __future__ import annotations

from fractions import Fraction

from app.fusion.base import Candidate
from app.fusion.counting import count, exact_fraction, is_decided
from app.fusion.extraction import ExtractionOptions, extractor
from tests.fusion.panels import candidates

NUMBER = extractor(ExtractionOptions(extract="number"))


def test_the_heaviest_answer_is_first_and_equals_stay_in_order() -> None:
    assert count(candidates("x", "y", "z", "Y.")).groups == (("b", "d"), ("a",), ("c",))


def test_who_abstains_is_in_a_group_at_the_end() -> None:
    counted = count(candidates("hm", "hm", "7"), NUMBER)
    assert [answer.answer.text for answer in counted.answers] == ["7"]
    assert counted.groups == (("c",), ("a", "b"))


def test_when_all_abstain_there_is_no_answer() -> None:
    counted = count(candidates("hm"), NUMBER)
    assert not counted.answers
    assert counted.groups == (("a",),)
    assert not is_decided(counted, 1)
    assert is_decided(counted, 0)


def test_weights_add_up_as_they_are_written() -> None:
    weights = {"a": 0.1, "b": 0.2, "c": 0.3}
    counted = count(candidates("x", "x", "y"), weigh=lambda candidate: exact_fraction(weights[candidate.branch]))
    assert counted.tied


def test_a_rival_below_nothing_is_no_nearer_than_one_yet_unheard() -> None:
    def weigh(candidate: Candidate) -> Fraction:
        return Fraction(-5 if candidate.branch == "b" else 2)

    counted = count(candidates("x", "y"), weigh=weigh)
    assert not is_decided(counted, 1, Fraction(2))
    assert is_decided(counted, 1, Fraction(1))
