from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.fusion.base import Candidate, Panel
from app.fusion.strategies.vote import Vote, VoteOptions
from app.normalization import normalize
from tests.fusion.panels import candidates, panel

SPELLINGS = ["Paris", "paris.", "THE PARIS", "Lyon", "lyon!", "Nice", ""]
ANSWERS = st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=8)
ORDER = "jihgfedcba"


def vote(**options: Any) -> Vote:
    return Vote(VoteOptions(**options))


def test_the_most_frequent_answer_wins_in_the_words_of_the_first_branch() -> None:
    fused = vote().fuse(panel("Lyon", "paris.", "Paris", order=["c", "b", "a"]))
    assert (fused.text, fused.branch) == ("Paris", "c")
    assert fused.agreement == pytest.approx(2 / 3)
    assert fused.groups == (("c", "b"), ("a",))
    assert fused.reason == "2 of 3 gave this answer"


def test_a_tie_goes_to_the_first_in_order_and_says_so() -> None:
    fused = vote().fuse(panel("Lyon", "Paris", "Paris", "Lyon", order=["b", "a"]))
    assert (fused.text, fused.branch, fused.agreement, fused.confidence) == ("Paris", "b", 0.5, 0.5)
    assert "tied" in fused.reason


def test_one_candidate_wins() -> None:
    fused = vote().fuse(panel("x"))
    assert (fused.agreement, fused.confidence) == (1.0, 0.75)


def test_confidence_is_the_chance_that_the_lead_lasts() -> None:
    # P(p > 1/2) of Beta(4, 1) is 1 - 2**-4, and of Beta(4, 2) it is 26/32.
    assert vote().fuse(panel("x", "x", "x")).confidence == pytest.approx(15 / 16)
    assert vote().fuse(panel("x", "x", "x", "y")).confidence == pytest.approx(26 / 32)
    assert vote().fuse(Panel([Candidate(str(n), "x") for n in range(2000)])).confidence == pytest.approx(1)


def test_weights_count_by_model() -> None:
    fused = vote(weights={"a": 2.5}).fuse(panel("Lyon", "Paris", "Paris"))
    assert (fused.branch, fused.confidence) == ("a", None)
    assert fused.agreement == pytest.approx(2.5 / 4.5)
    assert fused.reason == "1 of 3 gave this answer, with 2.5 of 4.5 of the weight"


def test_a_heavy_vote_that_is_outstanding_is_awaited() -> None:
    assert not vote(weights={"c": 3}).decided(candidates("x", "x"), 1)
    assert vote(weights={"c": 3}).decided(candidates("x", "x", "x"), 0)


def test_of_weightless_votes_the_first_wins() -> None:
    fused = vote(weights={"a": 0, "b": 0}).fuse(panel("Lyon", "Paris"))
    assert (fused.branch, fused.agreement) == ("a", 0.5)


def test_data_is_compared_as_data() -> None:
    texts = ['{"a": 1, "b": 2}', '{"b": 2.0, "a": 1}', '{"a": 2}']
    data: list[Any] = [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}, {"a": 2}]
    pool = [Candidate(str(n), text, data=one) for n, (text, one) in enumerate(zip(texts, data, strict=True))]
    fused = vote().fuse(Panel(pool, "210"))
    assert (fused.text, fused.data, fused.branch) == (texts[1], data[1], "1")


def test_conclusions_are_compared_and_who_has_none_abstains() -> None:
    given = panel("6 times 7 is 42", "no idea", "It is 42.0!", "maybe 41")
    fused = vote(extract="number").fuse(given)
    assert (fused.text, fused.branch, fused.groups) == ("6 times 7 is 42", "a", (("a", "c"), ("d",), ("b",)))
    assert fused.agreement == pytest.approx(2 / 3)
    assert fused.reason == "2 of 3 gave this answer; 1 abstained"
    assert vote(extract="number", keep="extract").fuse(given).text == "42"


def test_if_all_abstain_whole_answers_count() -> None:
    fused = vote(extract="number", keep="extract").fuse(panel("Lyon", "Paris", "paris"))
    assert (fused.text, fused.branch) == ("Paris", "b")
    assert "nothing could be extracted" in fused.reason


@pytest.mark.parametrize(
    ("texts", "outstanding", "expected"),
    [
        ([], 1, False),
        ([], 0, True),
        (["x"], 1, False),
        (["x", "x"], 1, True),
        (["x", "x"], 2, False),
        (["x", "x", "y"], 1, False),
        (["x", "x", "x", "y"], 1, True),
        (["x", "y"], 0, True),
    ],
)
def test_decided_when_the_lead_cannot_be_caught(texts: list[str], outstanding: int, *, expected: bool) -> None:
    assert vote().decided(candidates(*texts), outstanding) is expected


@settings(deadline=None)
@given(ANSWERS)
def test_agreement_is_the_share_of_a_greatest_group(texts: list[str]) -> None:
    fused = vote().fuse(panel(*texts, order=ORDER))
    normal = [normalize(text) for text in texts]
    assert fused.agreement == normal.count(normalize(fused.text)) / len(normal)
    assert normal.count(normalize(fused.text)) == max(map(normal.count, normal))
    assert len(fused.groups[0]) == normal.count(normalize(fused.text))


@settings(deadline=None)
@given(ANSWERS, st.integers(1, 3))
def test_that_all_say_it_again_changes_nothing(texts: list[str], times: int) -> None:
    pool = candidates(*texts)
    again = [Candidate(f"{one.branch}#{n}", one.text) for n in range(times) for one in pool]
    once, often = vote().fuse(Panel(pool, ORDER)), vote().fuse(Panel([*again, *pool], ORDER))
    assert (once.text, once.branch) == (often.text, often.branch)
    assert once.agreement == pytest.approx(often.agreement)


NUMBERS = ["1", "so 1.0", "2", "no idea", "none"]


@settings(max_examples=200, deadline=None)
@given(
    present=st.lists(st.sampled_from(NUMBERS), max_size=6),
    outstanding=st.integers(0, 2),
    weights=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([0.0, 0.5, 2.0, 3.0]), max_size=4),
    order=st.permutations("abcdefgh"),
)
def test_once_decided_nothing_that_may_come_changes_the_answer(
    present: list[str], outstanding: int, weights: dict[str, float], order: list[str]
) -> None:
    strategy = vote(extract="number", keep="extract", weights=weights)
    pool = candidates(*present)
    if not pool or not strategy.decided(pool, outstanding):
        return
    answer = strategy.fuse(Panel(pool, order)).text
    for to_come in product([None, "2", "3", "none", "1"], repeat=outstanding):
        everyone = candidates(*present, *(text or "" for text in to_come))
        late = [one for one, text in zip(everyone[len(pool) :], to_come, strict=True) if text]
        after = strategy.fuse(Panel([*pool, *late], order)).text
        assert after == answer or float(after) == float(answer)


@settings(max_examples=200, deadline=None)
@given(present=st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=6), outstanding=st.integers(1, 3))
def test_while_undecided_something_could_change_the_answer(present: list[str], outstanding: int) -> None:
    pool = candidates(*present)
    if vote().decided(pool, outstanding):
        return
    orders = ["abcdefghij", ORDER]
    changes = [
        vote().fuse(Panel(pool, order)).text != vote().fuse(panel(*present, *to_come, order=order)).text
        for order in orders
        for to_come in product("xyz", repeat=outstanding)
    ]
    assert any(changes)
