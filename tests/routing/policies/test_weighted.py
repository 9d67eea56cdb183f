from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.asks import ask, chosen, everyone, policy

KEYS = [f"task-{number}" for number in range(4000)]
MODELS = ("stable", "canary", "other")
WEIGHTS = st.dictionaries(st.sampled_from(MODELS), st.floats(0, 1e9, allow_subnormal=False))


def _chosen(weights: Mapping[str, float], models: tuple[str, ...] = MODELS) -> dict[str, str]:
    asks = [ask(*models, count=1, key=key) for key in KEYS]
    return dict(zip(KEYS, chosen("weighted", {"weights": weights}, asks), strict=True))


@pytest.mark.parametrize(
    "weights",
    [{}, {"stable": 90.0, "canary": 10.0, "other": 0.0}, {"stable": 5.0, "canary": 3.0, "other": 2.0}],
)
def test_models_are_chosen_in_proportion_to_their_weights(weights: dict[str, float]) -> None:
    counts, every = Counter(_chosen(weights).values()), [weights.get(model, 1.0) for model in MODELS]
    for model, weight in zip(MODELS, every, strict=True):
        share = weight / sum(every)
        # Five standard deviations of a binomial; the keys are fixed, so this passes always or never.
        assert abs(counts[model] - share * len(KEYS)) <= 5 * math.sqrt(share * (1 - share) * len(KEYS))


def test_the_choice_is_sticky_whatever_the_order_of_models() -> None:
    weights = {"stable": 3.0}
    assert _chosen(weights) == _chosen(weights) == _chosen(weights, MODELS[::-1])


def test_another_weight_moves_only_keys_to_or_from_its_model() -> None:
    before, after = _chosen({"canary": 1.0}), _chosen({"canary": 2.0})
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved
    assert {after[key] for key in moved} == {"canary"}
    back = _chosen({"canary": 0.5})
    left = {key for key in KEYS if before[key] != back[key]}
    assert left
    assert {before[key] for key in left} == {"canary"}


def test_a_further_model_takes_only_what_it_gets() -> None:
    before, after = _chosen({}), _chosen({}, (*MODELS, "new"))
    assert {after[key] for key in KEYS if before[key] != after[key]} == {"new"}


def test_a_model_of_weight_0_is_never_asked() -> None:
    choice = policy("weighted", weights={"canary": 0.0}).choose(ask(*MODELS, count=1))
    assert sorted(everyone(choice)) == ["other", "stable"]
    nothing = policy("weighted", weights=dict.fromkeys(MODELS, 0.0)).choose(ask(*MODELS))
    assert (nothing.models, nothing.reserves) == ((), ())
    assert nothing.reason == "none of stable, canary, other has a weight above 0"


@given(key=st.text(), count=st.integers(1, 5), weights=WEIGHTS)
def test_the_preferred_stay_preferred_when_more_are_wanted(key: str, count: int, weights: dict[str, float]) -> None:
    weighted = policy("weighted", weights=weights)
    fewer, more = (weighted.choose(ask(*MODELS, count=wanted, key=key)) for wanted in (count, count + 1))
    assert more.models[: len(fewer.models)] == fewer.models
    assert everyone(fewer) == everyone(more)


def test_weights_of_strangers_are_a_complaint() -> None:
    weighted = policy("weighted", weights={"stable": 1, "canry": 2})
    assert weighted.check(MODELS) == "weights names canry, but the step's models are stable, canary, other"
    assert policy("weighted", weights={"stable": 1}).check(MODELS) is None
    nothing = policy("weighted", weights={"stable": 0}).check(("stable",))
    assert nothing == "weights gives every model the weight 0: none can be asked"
