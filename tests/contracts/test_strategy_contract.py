"""What every fusion strategy keeps, whoever made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.conformance import check_names
from app.fusion.base import Candidate, Panel, Strategy
from app.fusion.conformance import DATA, SCHEMAS, TEXTS, VECTORS, StrategyChecks, fuse
from app.fusion.registry import STRATEGIES, get

KINDS: dict[str, list[dict[str, Any]]] = {
    "best-of-n": [{"judge": "big"}, {"judge": "big", "mode": "pointwise", "at_most": 2}],
    "concat": [{}, {"distinct": True, "heading": ""}],
    "consensus": [{}, {"same": 0.5}],
    "first": [{}],
    "json-merge": [{}, {"numbers": "median", "lists": "vote", "exact": True}],
    "rank-and-fuse": [{"judge": "big"}, {"judge": "big", "fuser": "writer", "top_k": 1}],
    "synthesize": [{"aggregator": "big"}, {"aggregator": "big", "layers": 2, "proposers": ["p", "q"]}],
    "vote": [{}, {"extract": "number"}, {"weights": {"m0": 0.0, "m1": 2}, "exact": True}],
    "weighted": [{"weights": {"m0": 3}}, {"accuracies": {"m0": 0.1, "m1": 0.9}, "choices": 3}],
}
CASES = [pytest.param((name, options), id=f"{name} {options}") for name, kinds in KINDS.items() for options in kinds]


def _pool(answers: list[tuple[str, Any, Any]]) -> list[Candidate]:
    return [
        Candidate(f"m{place % 3}#{place}", text, vector, f"m{place % 3}", data)
        for place, (text, data, vector) in enumerate(answers)
    ]


POOLS = st.lists(
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(DATA), st.none() | st.sampled_from(VECTORS)),
    min_size=1,
    max_size=4,
).map(_pool)
PANELS = st.builds(
    Panel,
    POOLS,
    st.permutations([f"m{place % 3}#{place}" for place in range(3)]),
    prompt=st.sampled_from(["Which?", ""]),
    system=st.none() | st.just("Be brief."),
    key=st.just("run/step"),
    schema=st.sampled_from(SCHEMAS),
)


@pytest.fixture(scope="module", params=CASES)
def strategy(request: pytest.FixtureRequest) -> Strategy:
    name, options = request.param
    return get(name, options)


many = settings(max_examples=40, deadline=None)


def test_every_strategy_of_ours_is_here() -> None:
    assert set(KINDS) == set(STRATEGIES)


@many
@pytest.mark.parametrize("promise", check_names(StrategyChecks))
@given(given_panel=PANELS, seed=st.integers(0, 50))
def test_it_keeps_every_promise(strategy: Strategy, promise: str, given_panel: Panel, seed: int) -> None:
    if (strategy.name, promise) == ("first", "arrival"):
        return  # it is about arrival
    getattr(StrategyChecks(strategy, [(given_panel, seed)]), promise)()


@many
@given(given_panel=PANELS)
def test_one_candidate_agrees_with_itself(strategy: Strategy, given_panel: Panel) -> None:
    fused, _ = fuse(strategy, replace(given_panel, candidates=given_panel.candidates[:1]))
    # Who is mostly wrong does not even agree with itself.
    assert fused.agreement == 1 or strategy.name == "weighted"


@many
@given(given_panel=PANELS, text=st.sampled_from(TEXTS), times=st.integers(1, 4))
def test_what_all_say_is_the_answer(strategy: Strategy, given_panel: Panel, text: str, times: int) -> None:
    pool = [Candidate(f"m1#{place}", text, model="m1") for place in range(times)]
    fused, _ = fuse(strategy, replace(given_panel, candidates=pool, schema=None))
    assert fused.text == text or strategy.name == "concat"
