from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.routing.asks import MODELS, ask, chosen, policy


@given(st.integers(0, 10**9), st.integers(1, 5))
def test_as_many_tasks_as_there_are_models_ask_each_once(offset: int, size: int) -> None:
    models = tuple("abcde"[:size])
    asks = [ask(*models, count=1, offset=offset + further) for further in range(size)]
    assert sorted(chosen("round-robin", {}, asks)) == list(models)


def test_the_models_follow_each_other_in_a_circle() -> None:
    choice = policy("round-robin").choose(ask(count=2, offset=2))
    assert (choice.models, choice.reserves) == (("c", "a"), ("b",))
    assert choice.reason == "c is next"
    assert policy("round-robin").choose(ask(offset=3)).models == MODELS
