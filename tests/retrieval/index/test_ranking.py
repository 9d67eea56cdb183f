from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval.index.ranking import reciprocal_rank_fusion, top_ranked

RANKINGS = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=10), max_size=5)


def test_best_are_first_and_ties_keep_their_order() -> None:
    assert top_ranked(np.array([0.1, 0.9, 0.5, 0.9], dtype=np.float32), 3) == [1, 3, 2]


def test_best_of_few_is_all() -> None:
    assert top_ranked(np.array([2.0], dtype=np.float32), 9) == [0]


def test_a_score_is_the_sum_of_reciprocal_ranks() -> None:
    (first, first_score), (second, second_score) = reciprocal_rank_fusion([["a", "b"], ["b"]])
    assert (first, second) == ("b", "a")
    assert first_score == pytest.approx(1 / 62 + 1 / 61)
    assert second_score == pytest.approx(1 / 61)


def test_second_in_both_beats_first_in_one() -> None:
    assert [item for item, _ in reciprocal_rank_fusion([["a", "b"], ["c", "b"]])] == ["b", "a", "c"]


def test_nothing_fused_is_nothing() -> None:
    nothing: list[list[str]] = [[], []]
    assert reciprocal_rank_fusion(nothing) == reciprocal_rank_fusion(nothing[:0]) == []


@settings(deadline=None)
@given(RANKINGS)
def test_scores_are_exact_and_descend(rankings: list[list[int]]) -> None:
    fused = reciprocal_rank_fusion(rankings)
    for item, score in fused:
        exact = sum(Fraction(1, 61 + ranking.index(item)) for ranking in rankings if item in ranking)
        assert score == pytest.approx(float(exact))
    assert fused == sorted(fused, key=lambda pair: (-pair[1], pair[0]))
    assert {item for item, _ in fused} == {item for ranking in rankings for item in ranking}


@settings(deadline=None)
@given(RANKINGS.flatmap(lambda rankings: st.tuples(st.just(rankings), st.permutations(rankings))))
def test_the_order_of_the_rankings_does_not_matter(pair: tuple[list[list[int]], list[list[int]]]) -> None:
    assert reciprocal_rank_fusion(pair[0]) == reciprocal_rank_fusion(pair[1])


@settings(deadline=None)
@given(st.lists(st.integers(), unique=True, max_size=20), st.integers(1, 100))
def test_one_ranking_stays_as_it_is(ranking: list[int], k: int) -> None:
    assert [item for item, _ in reciprocal_rank_fusion([ranking], k=k)] == ranking


@pytest.mark.parametrize("count", [1, 3, 7, 50, 60])
def test_the_best_of_many_are_those_of_all_in_order(count: int) -> None:
    scores = np.random.default_rng(count).integers(0, 9, 50).astype(np.float32)
    everything = sorted(range(50), key=lambda position: (-scores[position], position))
    assert top_ranked(scores, count) == everything[:count]
