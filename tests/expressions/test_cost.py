from __future__ import annotations

import pytest

from app.errors import ConfigurationError
from app.expressions.cost import MAX_COST, Cost
from app.expressions.expression import Expression


def _cost(source: str, items: int, *, text: int = 0) -> float:
    return Cost(source).of({"input": {"l": ["x" * text] * items, "m": ["y" * text] * items}})


def test_that_what_only_reads_is_free() -> None:
    assert _cost("input.l[0] == 'x'", 100_000) == 0


@pytest.mark.parametrize(
    ("source", "items", "text"),
    [
        ("input.l.map(x, x)", 1000, 1000),
        ("input.l.exists(x, x == '')", 100_000, 10),
        ("input.l.exists(x, x in input.m)", 100, 30),
        ("input.l.exists(x, x in input.m)", 1000, 30),
        ("input.l.filter(x, x.matches('^[a-z]+@[a-z]+[.]com$')).size() > 2", 1000, 30),
        ("input.l.exists(x, x.matches('^[A-Z]{2}-[0-9]{4}$'))", 1000, 30),
        ("input.l.map(x, x.lowerAscii()).join(', ')", 500, 100),
        ("input.l.map(x, {'role': 'user', 'content': x})", 500, 100),
    ],
)
def test_that_natural_conditions_are_affordable(source: str, items: int, text: int) -> None:
    assert _cost(source, items, text=text) < MAX_COST


@pytest.mark.parametrize(
    ("source", "items", "text"),
    [
        ("input.l.map(x, input.l.map(y, y))", 1000, 0),
        ("input.l.map(x, x)", 10_000, 0),
        ("input.l.map(x, x)", 1000, 10_000),
        ("(input.l + input.l + input.l).map(x, x)", 1000, 0),
        ("input.l.exists(x, x in input.m)", 10_000, 0),
        ("input.l.all(x, input.m != input.l)", 10_000, 0),
        ("input.l.exists(x, input.l.exists_one(y, x == y + 'a'))", 1000, 0),
        ("input.l.existsOne(x, input.l.existsOne(y, x == y + 'a'))", 1000, 0),
        ("input.l.exists(x, sort(input.l) == [])", 5000, 0),
        ("input.l.exists(x, input.l.size() == size(input.m))", 10_000, 0),
        ("input.l.exists(x, (input.l + input.m) == [])", 5000, 0),
        ("input.l.exists(x, [input.l].size() == 3)", 10_000, 0),
        ("input.l.exists(x, input.l[0] + x == '')", 1000, 1_000_000),
        ("input.l.exists(x, x.split('').map(y, y) == [])", 1000, 1000),
        ("input.l.exists(x, x.matches('\\\\w{200}'))", 100, 1),
        ("input.l.exists(x, x.matches(r'(\\w\\w){90}'))", 100, 1),
        ("input.l.map(x, input.l.join('')).size() > 1", 1000, 1000),
    ],
)
def test_that_what_grows_is_not(source: str, items: int, text: int) -> None:
    assert _cost(source, items, text=text) > MAX_COST


def test_that_lists_written_in_the_expression_count_too() -> None:
    long = ", ".join(["0"] * 300)
    assert _cost(f"[{long}].map(x, [{long}].map(y, [{long}].map(z, z)))", 0) > MAX_COST


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("input.l.all(i, v, v == 1)", "the cost of all with 3 operands is not known"),
        ("input.l.exists(x, x.matches(input.m))", "`matches` needs its pattern written out"),
        ("optional{a: 1}", "`{` is not expected at column 9"),
        ("-" * 9_000 + "1", ""),
        ("[" * 9 + "1" + "]" * 9, ""),
        ("input" + ".a" * 4_000, "it is nested too deeply"),
    ],
)
def test_that_what_is_not_known_is_refused(source: str, complaint: str) -> None:
    if not complaint:
        assert Cost(source).of({}) == 0
        return
    with pytest.raises(ValueError, match=complaint):
        Cost(source).of({})


def test_that_an_expression_without_a_known_cost_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"^w: cannot be bounded: `matches` needs its pattern"):
        Expression("input.l.filter(x, x.matches(input.m))", where="w")
