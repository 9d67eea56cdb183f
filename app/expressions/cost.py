"""What an evaluation may cost at most: the library has no limit of its own, and holds the worker meanwhile.

Measured on common-expression-language 0.10: `map` and `filter` copy what they have so far for every item, so
that they cost the square of the list and of its texts; `all` and `exists` cost as much as the list is long.
A unit of cost is about 60 ns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.expressions.analysis import ExpressionAnalysis

#: About a third of a second.
MAX_COST = 5_000_000
#: So many characters are copied in one unit.
_CHARACTERS = 300


def estimate_cost(reading: ExpressionAnalysis, context: Any, *, items: int = 0) -> float:
    """Return the units that an evaluation on `context` may take.

    `items` is into how many parts a function may cut a text; together they are no longer than that text.
    """
    if not (reading.depth or reading.joins):
        return 0.0
    longest, widest = _size(context)
    given = _power(reading, max(widest, reading.literals), longest)
    return max(given, _power(reading, items, longest / items)) if items else given


def _power(reading: ExpressionAnalysis, items: int, longest: float) -> float:
    """Return the units for lists of so many items, each with a text of so many characters."""
    more = 1 + reading.joins
    return float(items * more) ** (reading.depth + reading.copies) * (1 + longest * more / _CHARACTERS)


def _size(value: Any) -> tuple[int, int]:
    """Return the length of the longest text and of the longest list in `value`."""
    texts, lists = 0, 0
    for one in _parts(value):
        if isinstance(one, str):
            texts = max(texts, len(one))
        else:
            lists = max(lists, len(one))
    return texts, lists


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _parts(inner)
