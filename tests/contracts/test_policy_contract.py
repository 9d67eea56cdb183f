"""What every routing policy keeps, whoever made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.conformance import check_names
from app.routing import registry
from app.routing.base import HealthSnapshot, ModelProfile, Policy, RoutingRequest, SinglePassPolicy
from app.routing.conformance import ANSWERS, PolicyChecks
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
every = pytest.mark.parametrize("name", sorted(registry.POLICIES))


def _policy(name: str) -> Policy:
    return registry.get(name, OPTIONS[name])


def test_every_policy_is_under_this_contract() -> None:
    assert OPTIONS.keys() == registry.POLICIES.keys()


@every
def test_it_has_its_own_name(name: str) -> None:
    assert _policy(name).name == name


@every
@pytest.mark.parametrize("promise", check_names(PolicyChecks))
@settings(max_examples=25)
@given(ask=ASKS, said=st.lists(st.sampled_from(ANSWERS), min_size=4, max_size=4))
def test_it_keeps_every_promise(name: str, promise: str, ask: RoutingRequest, said: list[str | None]) -> None:
    getattr(PolicyChecks(lambda: _policy(name), MODELS, [(ask, said)]), promise)()


@every
@settings(max_examples=25)
@given(ask=ASKS)
def test_its_reserves_are_those_that_it_would_ask_at_once(name: str, ask: RoutingRequest) -> None:
    if isinstance(_policy(name), SinglePassPolicy):  # others ask in waves, and have no reserves
        one, all_ = (_policy(name).choose(replace(ask, count=count)) for count in (1, len(ask.models)))
        assert set(one.models + one.reserves) == set(all_.models + all_.reserves)


@every
@settings(max_examples=25)
@given(ask=ASKS)
def test_what_it_looks_up_is_about_the_text(name: str, ask: RoutingRequest) -> None:
    lookup = _policy(name).lookup(ask)
    assert lookup is None or (lookup.connector in {"similarity", "embed"} and lookup.arguments["text"] == ask.text)
