from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.base import ModelProfile
from tests.routing.asks import ask, everyone, policy

PROFILES = {
    "dear": ModelProfile(input_price=10.0, output_price=30.0),
    "cheap": ModelProfile(input_price=0.1, output_price=0.4),
    "reader": ModelProfile(input_price=0.05, output_price=8.0),
    "free": ModelProfile(input_price=0.0, output_price=0.0),
}


def test_the_cheapest_come_first_and_unknown_prices_last() -> None:
    models = ("secret", "dear", "cheap", "half", "free")
    profiles = {**PROFILES, "half": ModelProfile(input_price=0.0)}
    choice = policy("cost").choose(ask(*models, tokens=1000, profiles=profiles))
    assert choice.models == ("free", "cheap", "dear", "secret", "half")


def test_the_cost_is_that_of_prompt_and_expected_answer() -> None:
    long_prompt = policy("cost", expected_output_tokens=10).choose(
        ask("cheap", "reader", tokens=10_000, profiles=PROFILES)
    )
    long_answer = policy("cost", expected_output_tokens=1000).choose(
        ask("reader", "cheap", tokens=10, profiles=PROFILES)
    )
    assert (long_prompt.models[0], long_answer.models[0]) == ("reader", "cheap")
    # 10,000 tokens at $0.05 and 10 at $8, each for a million
    assert long_prompt.reason == "reader is cheapest, at about $0.00058"


def test_an_answer_is_expected_no_longer_than_the_model_can_write() -> None:
    profiles = {**PROFILES, "reader": ModelProfile(input_price=0.05, output_price=8.0, max_output_tokens=10)}
    choice = policy("cost", expected_output_tokens=1000).choose(ask("cheap", "reader", tokens=1000, profiles=profiles))
    assert choice.models[0] == "reader"


def test_a_budget_keeps_out_what_costs_more_or_may_cost_anything() -> None:
    strict = policy("cost", max_cost=0.001, expected_output_tokens=100)
    choice = strict.choose(ask("dear", "secret", "cheap", tokens=1000, profiles=PROFILES))
    assert everyone(choice) == ("cheap",)
    nothing = strict.choose(ask("dear", "secret", tokens=1000, profiles=PROFILES))
    assert everyone(nothing) == ()
    assert nothing.reason == "none of dear, secret is known to cost at most $0.001"


def test_without_any_price_the_written_order_holds() -> None:
    choice = policy("cost").choose(ask("b", "a"))
    assert choice.models == ("b", "a")
    assert choice.reason == "no price is known, so b is first as written"


@given(st.permutations(list(PROFILES)), st.integers(0, 100_000))
def test_the_order_of_models_does_not_matter_where_costs_differ(models: list[str], tokens: int) -> None:
    chosen = policy("cost").choose(ask(*models, count=2, tokens=tokens, profiles=PROFILES))
    assert everyone(chosen) == everyone(
        policy("cost").choose(ask(*PROFILES, count=2, tokens=tokens, profiles=PROFILES))
    )


@pytest.mark.parametrize("budget", [0.0, 1e-6, 0.001, 1.0])
def test_a_larger_budget_only_adds_models(budget: float) -> None:
    one = ask(*PROFILES, tokens=500, profiles=PROFILES)
    small, large = (policy("cost", max_cost=limit).choose(one) for limit in (budget, budget * 2 + 1e-5))
    assert set(everyone(small)) <= set(everyone(large))
