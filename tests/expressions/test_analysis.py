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


def test_that_only_the_shortest_ways_are_left() -> None:
    assert shortest_paths({("a", "b", "c"), ("a", "b"), ("b",), ("a", "d")}) == (("a", "b"), ("a", "d"), ("b",))
