from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.fusion.base import Candidate, Fused, Panel
from app.fusion.strategies.consensus import Consensus, ConsensusOptions

ORDER = "cba"


def fuse(pool: Sequence[Candidate], order: Sequence[str] = (), **options: float) -> Fused:
    return Consensus(ConsensusOptions(**options)).fuse(Panel(pool, order))


def at(branch: str, *numbers: float) -> Candidate:
    return Candidate(branch, f"text of {branch}", np.array(numbers, dtype=np.float32) if numbers else None)


def test_the_answer_in_the_middle_is_chosen() -> None:
    fused = fuse([at("a", 1, 0), at("b", 1, 1), at("c", 0, 1)])
    assert fused.branch == "b"
    assert fused.agreement == pytest.approx(2**-0.5)
    assert fused.reason == "nearest to the other 2 by meaning"


def test_an_outlier_is_not() -> None:
    assert fuse([at("a", -1, 0), at("b", 1, 0.1), at("c", 1, 0)], order=["a"]).branch != "a"


def test_of_two_the_first_in_order_is_chosen() -> None:
    pair = [at("a", 0.3, 0.7, 0.1), at("b", 0.9, 0.2, 0.4)]
    assert fuse(pair, order=["b", "a"]).branch == "b"
    assert fuse(pair, order=["a", "b"]).branch == "a"


def test_one_answer_agrees_with_itself() -> None:
    fused = fuse([at("a")])
    assert (fused.branch, fused.agreement) == ("a", 1.0)


def test_opposites_do_not_agree_less_than_not_at_all() -> None:
    assert fuse([at("a", 1), at("b", -1)]).agreement == 0.0


def test_the_length_of_an_embedding_does_not_matter() -> None:
    assert fuse([at("a", 1, 0), at("b", 1e-3, 1e-3), at("c", 0, 1e3)]).branch == "b"


@pytest.mark.parametrize("third", [(), (0.0, 0.0), (1.0, 0.0, 0.0), (float("nan"), 1.0)])
def test_without_an_embedding_for_each_equal_texts_count(third: tuple[float, ...]) -> None:
    embedding = np.array(third, dtype=np.float32) if third else None
    fused = fuse(
        [
            Candidate("a", "Lyon", np.array([1, 0], dtype=np.float32)),
            Candidate("b", "Paris.", np.array([1, 0], dtype=np.float32)),
            Candidate("c", "paris", embedding),
        ],
        order=["a", "b", "c"],
    )
    assert (fused.branch, fused.agreement) == ("b", 0.5)
    assert "embeddings are missing" in fused.reason


def test_groups_are_answers_that_are_linked_by_likeness() -> None:
    pool = [at("a", 1, 0), at("b", -1, 0), at("c", 1, 0.5), at("d", 0.7, 0.9)]
    assert fuse(pool).groups == (("a", "c", "d"), ("b",))
    assert fuse(pool, same=0.99).groups == (("a",), ("b",), ("c",), ("d",))


def test_data_goes_with_the_answer_and_makes_it_equal() -> None:
    fused = fuse([Candidate("a", "{}"), Candidate("b", "[1]", data=[1]), Candidate("c", "[1.0]", data=[1.0])])
    assert (fused.branch, fused.data, fused.groups) == ("b", [1], (("b", "c"), ("a",)))


def test_all_answers_are_awaited() -> None:
    same = [at("a", 1, 0), at("b", 1, 0)]
    assert not Consensus(ConsensusOptions()).decided(same, 1)
    assert Consensus(ConsensusOptions()).decided(same, 0)


VECTORS = arrays.arrays(np.float32, 3, elements=st.floats(-10, 10, width=32))
POOLS = st.lists(st.tuples(st.sampled_from(["x", "X.", "y"]), st.none() | VECTORS), min_size=1, max_size=6).map(
    lambda answers: [Candidate(branch, text, vector) for branch, (text, vector) in zip("abcdef", answers, strict=False)]
)


@settings(max_examples=300, deadline=None)
@given(POOLS.flatmap(lambda pool: st.tuples(st.just(pool), st.permutations(pool))))
def test_the_order_of_the_candidates_does_not_matter(pair: tuple[list[Candidate], list[Candidate]]) -> None:
    assert fuse(pair[0], order=ORDER) == fuse(pair[1], order=ORDER)


@settings(deadline=None)
@given(POOLS)
def test_agreement_is_between_0_and_1_and_the_answer_is_one_of_them(pool: list[Candidate]) -> None:
    fused = fuse(pool, order=ORDER)
    assert 0 <= fused.agreement <= 1
    assert (fused.branch, fused.text) in {(candidate.branch, candidate.text) for candidate in pool}
