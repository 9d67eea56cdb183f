from __future__ import annotations

import cel

from app.expressions.analysis import analyze
from app.expressions.cost import MAX_COST, estimate_cost


def _cost(source: str, items: int, *, text: int = 0) -> float:
    context = {"input": {"l": ["x" * text] * items}}
    return estimate_cost(analyze(source, cel.compile(source).variables()), context)


def test_that_what_has_no_macro_is_free() -> None:
    assert _cost("input.l[0] == 'x'", 100_000) == 0


def test_that_a_list_of_usual_size_can_be_mapped_and_a_huge_one_searched() -> None:
    assert _cost("input.l.map(x, x)", 1000, text=1000) < MAX_COST
    assert _cost("input.l.exists(x, x == '')", 100_000) < MAX_COST


def test_that_cost_grows_with_nesting_items_texts_and_additions() -> None:
    assert _cost("input.l.map(x, input.l.map(y, y))", 1000) > MAX_COST
    assert _cost("input.l.map(x, x)", 10_000) > MAX_COST
    assert _cost("input.l.map(x, x)", 1000, text=10_000) > MAX_COST
    assert _cost("(input.l + input.l + input.l).map(x, x)", 1000) > MAX_COST


def test_that_lists_written_in_the_expression_count_too() -> None:
    long = ", ".join(["0"] * 300)
    assert _cost(f"[{long}].map(x, [{long}].map(y, [{long}].map(z, z)))", 0) > MAX_COST
