"""What every routing policy keeps, whoever made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.routing import registry
from app.routing.base import Choice, HealthSnapshot, ModelAnswer, ModelProfile, Policy, RoutingRequest, SinglePassPolicy
from app.routing.router import Router
from app.vectors import encode

MODELS = ("a", "b", "c", "d")
ROUTER = Router(intercept=0.1, features={"words": 0.5}, embedding=(1.0, -1.0)).model_dump(mode="json")
OPTIONS: dict[str, dict[str, Any]] = {
    "capability": {"tags": ["x"], "min_context": 100},
    "cascade": {"stages": [["b"], ["a", "c"], ["d"]], "confidence": 0.6, "doubt": ["hm"], "check": "size(answer) > 1"},
    "cost": {"max_cost": 0.5},
    "fixed": {},
    "healthy": {},
    "latency": {},
    "learned": {"weak": "a", "strong": "b", "model": ROUTER},
    "round-robin": {},
    "semantic": {"examples": {"a": ["one"], "b": ["two"]}, "default": "c"},
    "weighted": {"weights": {"a": 2.0, "b": 0.0}},
}
PRICES = st.none() | st.floats(0, 100)
PROFILES = st.builds(
    ModelProfile,
    input_price=PRICES,
    output_price=PRICES,
    context_tokens=st.none() | st.integers(1, 10_000),
    tags=st.frozensets(st.sampled_from("xyz")),
    region=st.none() | st.sampled_from(["eu", "us"]),
    tools=st.booleans(),
)
HEALTH = st.builds(HealthSnapshot, st.none() | st.floats(0, 60), st.floats(0, 1), st.floats(0, 200))
LOOKED_UP = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.dictionaries(st.sampled_from(MODELS), st.floats(-1, 1)),
    st.builds(lambda x, y: encode(np.array([x, y])), st.floats(-1, 1), st.floats(-1, 1)),
)
ASKS = st.builds(
    RoutingRequest,
    models=st.lists(st.sampled_from(MODELS), min_size=1, max_size=4, unique=True).map(tuple),
    count=st.integers(1, 5),
    key=st.text(max_size=8),
    offset=st.integers(0, 1000),
    text=st.text(max_size=30),
    tokens=st.integers(0, 20_000),
    now=st.just(100.0),
    profiles=st.dictionaries(st.sampled_from(MODELS), PROFILES),
    health=st.dictionaries(st.sampled_from(MODELS), HEALTH),
    looked_up=LOOKED_UP,
)
SAID = st.sampled_from([None, "yes", "Yes.", "no", "hm"])
every = pytest.mark.parametrize("name", sorted(registry.POLICIES))


def _policy(name: str) -> Policy:
    return registry.get(name, OPTIONS[name])


def _sound(choice: Choice, ask: RoutingRequest) -> None:
    everyone = choice.models + choice.reserves
    assert len(set(everyone)) == len(everyone)
    assert set(everyone) <= set(ask.models)
    assert len(choice.models) <= ask.count
    assert choice.reason
    assert choice.models or not choice.reserves


def test_every_policy_is_under_this_contract() -> None:
    assert OPTIONS.keys() == registry.POLICIES.keys()


@every
def test_it_has_its_name_and_accepts_the_models_of_its_options(name: str) -> None:
    assert _policy(name).name == name
    assert _policy(name).check(MODELS) is None


@every
@settings(max_examples=25)
@given(ask=ASKS)
def test_it_chooses_some_of_the_models_and_at_most_as_many_as_wanted(name: str, ask: RoutingRequest) -> None:
    _sound(_policy(name).choose(ask), ask)


@every
@settings(max_examples=25)
@given(ask=ASKS)
def test_equal_asks_have_equal_choices_even_by_another_instance(name: str, ask: RoutingRequest) -> None:
    policy = _policy(name)
    assert policy.choose(ask) == policy.choose(replace(ask)) == _policy(name).choose(ask)
    assert policy.lookup(ask) == _policy(name).lookup(ask)


@every
@settings(max_examples=25)
@given(ask=ASKS)
def test_an_order_of_preference_does_not_depend_on_how_many_are_wanted_at_once(name: str, ask: RoutingRequest) -> None:
    one, every_ = (_policy(name).choose(replace(ask, count=count)) for count in (1, len(ask.models)))
    assert one.models == every_.models[:1]
    if isinstance(_policy(name), SinglePassPolicy):  # others ask in waves, and have no reserves
        assert set(one.models + one.reserves) == set(every_.models + every_.reserves)


@every
@settings(max_examples=25)
@given(ask=ASKS, said=st.lists(SAID, min_size=4, max_size=4))
def test_it_ends_and_never_asks_a_model_twice(name: str, ask: RoutingRequest, said: list[str | None]) -> None:
    policy, answers = _policy(name), list[ModelAnswer]()
    choice: Choice | None = policy.choose(ask)
    asked: tuple[str, ...] = ()
    while choice is not None and choice.models:
        _sound(choice, ask)
        assert not set(choice.models) & set(asked)
        asked += choice.models
        answers += [ModelAnswer(model, said[MODELS.index(model)]) for model in choice.models]
        choice = policy.more(ask, asked, answers)


@every
@settings(max_examples=25)
@given(ask=ASKS)
def test_what_it_looks_up_is_json_for_a_connector(name: str, ask: RoutingRequest) -> None:
    lookup = _policy(name).lookup(ask)
    assert lookup is None or (lookup.connector in {"similarity", "embed"} and lookup.arguments["text"] == ask.text)
