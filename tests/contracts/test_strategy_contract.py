"""What every fusion strategy keeps, whoever made it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.fusion.base import Call, Candidate, Panel, Strategy
from app.fusion.registry import STRATEGIES, get
from tests.fusion.panels import Model, fuse, says

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
TEXTS = [
    "Paris",
    "paris.",
    "Lyon 7",
    "7.0",
    "",
    '{"a": 1, "l": [1]}',
    '{"a": 2.0}',
    "[]",
    "\ud800",
    "<<<END>>> {0} {x}",
]
DATA: list[Any] = [None, {"a": 1, "l": ["x"]}, {"a": 2}, [1], {"a": {"b": "x"}}]
VECTORS = [np.array(numbers, dtype=np.float32) for numbers in ((1, 0), (0.6, 0.8), (0, 1), (0, 0))]
SCHEMAS: list[Mapping[str, Any] | None] = [None, {"type": "object"}]
REPLIES = [None, "", "new", '{"winner": "A"}', '{"winner": "B"}', '{"score": 3}', '{"score": 9}', '{"a": 1}', "\ud800"]


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


def model(seed: int) -> Model:
    """Return a model whose reply depends on the label alone."""

    def reply(call: Call) -> str | None:
        return random.Random(f"{seed} {call.label}").choice(REPLIES)  # noqa: S311  # no secret

    return reply


@pytest.fixture(scope="module", params=CASES)
def strategy(request: pytest.FixtureRequest) -> Strategy:
    name, options = request.param
    return get(name, options)


many = settings(max_examples=40, deadline=None)


def test_every_strategy_of_ours_is_here() -> None:
    assert set(KINDS) == set(STRATEGIES)


@many
@given(given_panel=PANELS, seed=st.integers(0, 50))
def test_what_comes_out_is_sound(strategy: Strategy, given_panel: Panel, seed: int) -> None:
    fused, _ = fuse(strategy, given_panel, model(seed))
    branches = [candidate.branch for candidate in given_panel.candidates]
    assert 0 <= fused.agreement <= 1
    assert fused.confidence is None or 0 <= fused.confidence <= 1
    assert sorted(branch for group in fused.groups for branch in group) == sorted(branches)
    assert fused.branch in {*branches, ""}
    assert fused.reason


@many
@given(given_panel=PANELS, seed=st.integers(0, 50))
def test_a_branch_that_is_named_said_it(strategy: Strategy, given_panel: Panel, seed: int) -> None:
    fused, _ = fuse(strategy, given_panel, model(seed))
    assert not fused.branch or fused.text in {
        candidate.text for candidate in given_panel.candidates if candidate.branch == fused.branch
    }


@many
@given(given_panel=PANELS, seed=st.integers(0, 50), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    strategy: Strategy, given_panel: Panel, seed: int, shuffle: random.Random
) -> None:
    if strategy.name == "first":
        return  # it is about arrival
    arrived = shuffle.sample(given_panel.candidates, len(given_panel.candidates))
    other = replace(given_panel, candidates=arrived)
    assert fuse(strategy, given_panel, model(seed)) == fuse(strategy, other, model(seed))


@many
@given(given_panel=PANELS, seed=st.integers(0, 50))
def test_it_is_pure(strategy: Strategy, given_panel: Panel, seed: int) -> None:
    assert fuse(strategy, given_panel, model(seed)) == fuse(strategy, given_panel, model(seed))


@many
@given(given_panel=PANELS, seed=st.integers(0, 50))
def test_it_asks_only_the_models_that_it_names(strategy: Strategy, given_panel: Panel, seed: int) -> None:
    _, calls = fuse(strategy, given_panel, model(seed))
    assert {call.model for call in calls} <= set(strategy.models)
    assert all(call.label and call.prompt for call in calls)


@many
@given(given_panel=PANELS)
def test_when_all_its_calls_fail_it_still_answers(strategy: Strategy, given_panel: Panel) -> None:
    fused, calls = fuse(strategy, given_panel, says(None))
    assert not calls or fused.branch
    assert not calls or {"could", "failed", "no"} & set(fused.reason.split())


@many
@given(given_panel=PANELS)
def test_one_candidate_needs_no_model_and_agrees(strategy: Strategy, given_panel: Panel) -> None:
    alone = replace(given_panel, candidates=given_panel.candidates[:1])
    fused, calls = fuse(strategy, alone, None)
    assert not calls
    assert fused.groups == ((alone.candidates[0].branch,),)
    # Who is mostly wrong does not even agree with itself.
    assert fused.agreement == 1 or strategy.name == "weighted"


@many
@given(given_panel=PANELS, texts=st.sampled_from(TEXTS), times=st.integers(1, 4))
def test_if_all_say_the_same_that_is_the_answer(strategy: Strategy, given_panel: Panel, texts: str, times: int) -> None:
    pool = [Candidate(f"m1#{place}", texts, model="m1") for place in range(times)]
    fused, calls = fuse(strategy, replace(given_panel, candidates=pool, schema=None), None)
    assert not calls
    assert fused.agreement == 1
    assert len(fused.groups) == 1
    assert fused.text == texts or strategy.name == "concat"


@many
@given(pool=POOLS, outstanding=st.integers(0, 3))
def test_with_nothing_outstanding_it_is_decided(strategy: Strategy, pool: list[Candidate], outstanding: int) -> None:
    assert strategy.decided(pool, 0)
    assert strategy.decided([], 0)
    assert not strategy.decided([], outstanding + 1)


@settings(max_examples=100, deadline=None)
@given(
    early=st.lists(st.sampled_from(["7", "so 7.", "8"]), min_size=1, max_size=6),
    late=st.lists(st.sampled_from(["7", "8", "9", ""]), min_size=1, max_size=2),
    seed=st.integers(0, 50),
)
def test_once_decided_who_is_ahead_stays_ahead(
    strategy: Strategy, early: list[str], late: list[str], seed: int
) -> None:
    pool = [Candidate(f"m2#{place}", text, model="m2") for place, text in enumerate(early)]
    if not strategy.decided(pool, len(late)):
        return
    more = [Candidate(f"m{place}", text, model=f"m{place}") for place, text in enumerate(late)]
    order = [candidate.branch for candidate in (*more, *pool)]  # those that are late have every tie
    before, _ = fuse(strategy, Panel(pool, order), model(seed))
    after, _ = fuse(strategy, Panel([*pool, *more], order), model(seed))
    ahead = next(group for group in before.groups if before.branch in group)
    assert any({*ahead, after.branch} <= {*group} for group in after.groups)
