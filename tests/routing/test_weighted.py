from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.weighted import Weighted

KEYS = [f"task-{number}" for number in range(4000)]
MODELS = ("stable", "canary", "other")


def _chosen(weights: Mapping[str, float], models: tuple[str, ...] = MODELS) -> dict[str, str]:
    policy = Weighted()
    return {key: policy.choose(models, count=1, key=key, weights=weights).models[0] for key in KEYS}


@pytest.mark.parametrize(
    "weights",
    [{}, {"stable": 90.0, "canary": 10.0, "other": 0.0}, {"stable": 5.0, "canary": 3.0, "other": 2.0}],
)
def test_that_models_are_chosen_in_proportion_to_their_weights(weights: dict[str, float]) -> None:
    counts, every = Counter(_chosen(weights).values()), [weights.get(model, 1.0) for model in MODELS]
    for model, weight in zip(MODELS, every, strict=True):
        share = weight / sum(every)
        # Five standard deviations of a binomial; the keys are fixed, so this passes always or never.
        assert abs(counts[model] - share * len(KEYS)) <= 5 * math.sqrt(share * (1 - share) * len(KEYS))


def test_that_the_choice_is_sticky_whatever_the_order_of_models() -> None:
    weights = {"stable": 3.0}
    assert _chosen(weights) == _chosen(weights) == _chosen(weights, MODELS[::-1])


def test_that_another_weight_moves_only_keys_to_or_from_its_model() -> None:
    before, after = _chosen({"canary": 1.0}), _chosen({"canary": 2.0})
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved
    assert {after[key] for key in moved} == {"canary"}
    back = _chosen({"canary": 0.5})
    left = {key for key in KEYS if before[key] != back[key]}
    assert left
    assert {before[key] for key in left} == {"canary"}


def test_that_a_further_model_takes_only_what_it_gets() -> None:
    before, after = _chosen({}), _chosen({}, (*MODELS, "new"))
    assert {after[key] for key in KEYS if before[key] != after[key]} == {"new"}


def test_that_a_model_without_weight_is_never_chosen_unless_there_is_no_other() -> None:
    choice = Weighted().choose(MODELS, count=3, key="k", weights={"canary": 0.0})
    assert sorted(choice.models) == ["other", "stable"]
    nothing = dict.fromkeys(MODELS, 0.0)
    assert Weighted().choose(MODELS, count=2, key="k", weights=nothing).models == ("stable",)


@given(key=st.text(), count=st.integers(1, 5), weights=st.dictionaries(st.sampled_from(MODELS), st.floats(0, 1e9)))
def test_that_the_chosen_are_distinct_and_at_most_as_many_as_wanted(
    key: str, count: int, weights: dict[str, float]
) -> None:
    models = Weighted().choose(MODELS, count=count, key=key, weights=weights).models
    assert 1 <= len(set(models)) == len(models) <= count
    longer = Weighted().choose(MODELS, count=count + 1, key=key, weights=weights).models
    assert longer[: len(models)] == models  # the preferred stay preferred
