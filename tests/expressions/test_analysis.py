from __future__ import annotations

import cel
import pytest

from app.expressions.analysis import Path, analyze, shortest_paths


def _read(source: str) -> set[Path]:
    return set(analyze(source, cel.compile(source).variables()).paths)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("1 + 1", set()),
        ("input.order.total > 5", {("input", "order", "total")}),
        ("input['order']['a b'].c", {("input", "order", "a b", "c")}),
        ("input[metadata.key].x", {("input",), ("metadata", "key")}),
        ("input.list[0].x", {("input", "list")}),
        ("input.text.contains('steps.a')", {("input", "text")}),
        ("size(input.l) + input.l.size()", {("input", "l")}),
        ("input.l.map(x, x.y + input.z)", {("input", "l"), ("input", "z")}),
        ("has(input.a) ? input.a : {'k': item}", {("input", "a"), ("item",)}),
        ("input.map", {("input", "map")}),
        ("type(input.x) == int", {("input", "x")}),
        ("input // .comment\n . a", {("input", "a")}),
    ],
)
def test_that_what_is_read_is_known(source: str, paths: set[Path]) -> None:
    assert _read(source) == paths


@pytest.mark.parametrize(
    ("source", "depth", "copies"),
    [
        ("input.a", 0, False),
        ("input.l.exists(x, x > 1)", 1, False),
        ("input.l.map(x, x).filter(y, y > 1)", 1, True),
        ("input.l.map(x, input.m.filter(y, (y + x) > 1))", 2, True),
        ("input.l.all(x, [x].exists(y, y == 1)) && input.m.all(z, z)", 2, False),
    ],
)
def test_that_macros_inside_macros_are_counted(source: str, depth: int, copies: bool) -> None:  # noqa: FBT001  # an expectation
    found = analyze(source, cel.compile(source).variables())
    assert (found.depth, found.copies) == (depth, copies)


def test_that_only_the_shortest_ways_are_left() -> None:
    assert shortest_paths({("a", "b", "c"), ("a", "b"), ("b",), ("a", "d")}) == (("a", "b"), ("a", "d"), ("b",))
