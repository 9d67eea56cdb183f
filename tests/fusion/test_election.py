from __future__ import annotations

from app.fusion.base import Candidate
from app.fusion.counting import count
from app.fusion.election import agreement, among, chosen, elected
from tests.fusion.panels import candidates


def test_an_election_gives_the_first_answer_and_its_note() -> None:
    fused = elected(count(candidates("x", "y", "Y")), "no judge; ")
    assert (fused.text, fused.branch, fused.confidence) == ("y", "b", None)
    assert fused.reason == "no judge; 2 of 3 gave this answer"


def test_an_extract_has_no_data() -> None:
    counted = count([Candidate("a", "[1]", data=[1])])
    assert elected(counted).data == [1]
    assert elected(counted, extract=True).data is None


def test_a_choice_keeps_how_all_agree() -> None:
    pool = candidates("x", "y", "Y")
    fused = chosen(count(pool), pool[0], "it rhymes", 0.9)
    assert (fused.text, fused.branch, fused.reason, fused.confidence) == ("x", "a", "it rhymes", 0.9)
    assert fused.agreement == agreement(count(pool)) == 2 / 3
    assert fused.groups == (("b", "c"), ("a",))


def test_those_left_out_are_counted() -> None:
    pool = candidates("x", "y", "Y", "z")
    assert among(count(pool), pool[:1]) == "1 distinct answers (2 more were not judged)"
