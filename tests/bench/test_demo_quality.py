from __future__ import annotations

from bench.demo_quality import SHOWN, Score, questions, score

_KNOWN = "Where does the broker keep its data? The embedded broker keeps everything in memory."


def test_a_good_answer_meets_all_criteria() -> None:
    assert score("The broker keeps everything in memory.", "memory", _KNOWN) == Score(
        fact=True, whole=True, once=True, grounded=True
    )


def test_each_criterion_can_be_missed() -> None:
    assert not score("The broker keeps it on disk.", "memory", _KNOWN).fact
    assert not score("The broker keeps everything in memory. The broker", "memory", _KNOWN).whole
    assert not score("In memory\n\n- broker", "memory", _KNOWN).whole
    assert not score("", "memory", _KNOWN).whole
    assert not score("It is the broker that is it, it is the broker that is it.", "memory", _KNOWN).once
    assert not score("Memory palaces were common among ancient orators.", "memory", _KNOWN).grounded


def test_every_question_of_the_demo_has_a_fact_to_look_for() -> None:
    assert len(questions()) > len(SHOWN) >= 6
