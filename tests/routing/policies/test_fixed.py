from __future__ import annotations

import pytest

from tests.routing.asks import ask, policy

MODELS = ("b", "a", "c")


@pytest.mark.parametrize(("count", "expected"), [(1, ("b",)), (2, ("b", "a")), (3, MODELS), (9, MODELS)])
def test_the_first_ones_are_chosen_as_written(count: int, expected: tuple[str, ...]) -> None:
    choice = policy("fixed").choose(ask(*MODELS, count=count))
    assert choice.models == expected
    assert choice.reserves == MODELS[len(expected) :]
    assert choice.reason == f"the first {len(expected)} of 3 as written"


def test_the_key_does_not_matter() -> None:
    assert {policy("fixed").choose(ask(*MODELS, count=1, key=str(n))).models for n in range(20)} == {("b",)}
