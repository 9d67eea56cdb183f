from __future__ import annotations

import pytest

from app.routing.fixed import Fixed

MODELS = ("b", "a", "c")


@pytest.mark.parametrize(("count", "expected"), [(1, ("b",)), (2, ("b", "a")), (3, MODELS), (9, MODELS)])
def test_that_the_first_ones_are_chosen_as_written(count: int, expected: tuple[str, ...]) -> None:
    choice = Fixed().choose(MODELS, count=count, key="k", weights={"a": 100.0})
    assert choice.models == expected
    assert choice.reason == f"the first {len(expected)} of 3 as written"


def test_that_key_and_weights_do_not_matter() -> None:
    assert {Fixed().choose(MODELS, count=1, key=str(n), weights={}).models for n in range(20)} == {("b",)}
