from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.fusion.base import Candidate
from app.fusion.normalise import normalise
from app.fusion.vote import Vote

SPELLINGS = ["Paris", "paris.", "THE PARIS", "Lyon", "lyon!", "Nice", ""]
ANSWERS = st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=8)
ORDER = "hgfedcba"


def candidates(*texts: str) -> list[Candidate]:
    return [Candidate(branch, text) for branch, text in zip("abcdefgh", texts, strict=False)]


def test_the_most_frequent_answer_wins_in_the_words_of_the_first_branch() -> None:
    fused = Vote().fuse(candidates("Lyon", "paris.", "Paris"), order=["c", "b", "a"])
    assert (fused.text, fused.branch) == ("Paris", "c")
    assert fused.agreement == pytest.approx(2 / 3)
    assert fused.reason == "2 of 3 gave this answer"


def test_a_tie_goes_to_the_first_in_order_and_says_so() -> None:
    fused = Vote().fuse(candidates("Lyon", "Paris", "Paris", "Lyon"), order=["b", "a"])
    assert (fused.text, fused.branch, fused.agreement) == ("Paris", "b", 0.5)
    assert "tied" in fused.reason


def test_one_candidate_wins() -> None:
    assert Vote().fuse(candidates("x")).agreement == 1.0


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
    assert Vote().decided(candidates(*texts), outstanding) is expected


@settings(deadline=None)
@given(ANSWERS.map(lambda texts: candidates(*texts)).flatmap(lambda c: st.tuples(st.just(c), st.permutations(c))))
def test_the_order_of_the_candidates_does_not_matter(pair: tuple[list[Candidate], list[Candidate]]) -> None:
    assert Vote().fuse(pair[0], order=ORDER) == Vote().fuse(pair[1], order=ORDER)


@settings(deadline=None)
@given(ANSWERS)
def test_agreement_is_the_share_of_a_greatest_group(texts: list[str]) -> None:
    fused = Vote().fuse(candidates(*texts), order=ORDER)
    said = [normalise(text) for text in texts]
    assert 0 < fused.agreement <= 1
    assert fused.agreement == said.count(normalise(fused.text)) / len(said)
    assert said.count(normalise(fused.text)) == max(map(said.count, said))


@settings(max_examples=500, deadline=None)
@given(
    present=st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=5),
    to_come=st.lists(st.none() | st.sampled_from([*SPELLINGS, "new"]), max_size=3),
    order=st.permutations("abcdefgh"),
)
def test_once_decided_nothing_can_change_the_answer(
    present: list[str], to_come: list[str | None], order: list[str]
) -> None:
    everything = candidates(*present, *(text or "" for text in to_come))
    early = everything[: len(present)]
    late = [one for one, text in zip(everything[len(present) :], to_come, strict=True) if text is not None]
    before, after = (Vote().fuse(pool, order=order) for pool in (early, early + late))
    if Vote().decided(early, len(to_come)):
        assert normalise(before.text) == normalise(after.text)
