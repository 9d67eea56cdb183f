from __future__ import annotations

import pytest

from app.errors import ExpressionError
from app.expressions.expression import Expression
from app.workflows.conditions import holds


@pytest.mark.parametrize(("source", "value"), [("input.n > 1", True), ("input.n > 2", False)])
def test_that_a_condition_is_what_its_expression_yields(source: str, *, value: bool) -> None:
    assert holds(Expression(source, where="w"), {"input": {"n": 2}}) is value


@pytest.mark.parametrize(
    ("source", "kind"), [("input.n", "int"), ("'true'", "str"), ("[true]", "list"), ("null", "NoneType")]
)
def test_that_nothing_else_counts_as_true_or_false(source: str, kind: str) -> None:
    with pytest.raises(ExpressionError, match=f"yields {kind}, not true or false"):
        holds(Expression(source, where="w"), {"input": {"n": 1}})


def test_that_a_fault_in_a_condition_is_the_expressions_own() -> None:
    with pytest.raises(ExpressionError, match=r"`input\.m` does not exist"):
        holds(Expression("input.m", where="w"), {"input": {"n": 1}})
