from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.routing.asks import MODELS, ask, chosen, policy


@given(st.integers(0, 10**9), st.integers(1, 5))
def test_so_many_turns_as_there_are_models_ask_each_once(turn: int, size: int) -> None:
    models = tuple("abcde"[:size])
    asks = [ask(*models, count=1, turn=turn + further) for further in range(size)]
    assert sorted(chosen("round-robin", {}, asks)) == list(models)


def test_the_next_in_turn_are_the_next_in_the_ring() -> None:
    choice = policy("round-robin").choose(ask(count=2, turn=2))
    assert (choice.models, choice.reserves) == (("c", "a"), ("b",))
    assert choice.reason == "c is next in turn"
    assert policy("round-robin").choose(ask(turn=3)).models == MODELS
