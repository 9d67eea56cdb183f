"""What an evaluation may cost at most: the library has no limit of its own, and holds the worker meanwhile.

Measured on common-expression-language 0.10: what is selected (`a.b`, `a[0]`) is copied whole; `map` and `filter`
copy what they have so far for every item; a list or map that is written copies what is in it; a function that is
Python's gets its operands converted; `matches` compiles its pattern at each call. A unit of cost is about 60 ns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.expressions import extent
from app.expressions.extent import SCALAR, Extent
from app.expressions.functions import JOINED, MAX_PARTS
from app.expressions.patterns import compiling
from app.expressions.syntax import Node, key_of, parse

#: About a third of a second.
MAX_COST = 5_000_000
MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
_TURN = 18  # of a macro, for an item
_CALL = 5  # of a function of the library itself
_MATCHED = 12  # of a regular expression, for a unit of its text; a large one takes longer
_PYTHON_CALL, _CONVERTED = 60, 6  # of any other, and what it takes for a unit of its operands

Names = Mapping[str, Extent]
Result = Callable[[tuple[Extent, ...]], Extent]


def _scalar(_: tuple[Extent, ...]) -> Extent:
    return SCALAR


def _first(of: tuple[Extent, ...]) -> Extent:
    return of[0] if of else SCALAR


def _item(of: tuple[Extent, ...]) -> Extent:
    return extent.largest([*of, *(one.item for one in of)])


def _written(of: tuple[Extent, ...]) -> Extent:
    return extent.text(max(64, _first(of).length))


def _parts(of: tuple[Extent, ...]) -> Extent:
    length = _first(of).length
    parts = min(length + 1, MAX_PARTS)
    return Extent(2 * parts + extent.text(length).weight, parts, extent.text(length))


def _joined(_: tuple[Extent, ...]) -> Extent:
    return extent.text(JOINED)


_TESTS = ("has", "contains", "startsWith", "endsWith", "matches")
_NUMBERS = ("int", "uint", "double", "timestamp", "duration", "type")
_DATES = ("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "Hours", "Minutes", "Seconds")
#: What the library's own functions yield, and the others.
_NATIVE: Final[Mapping[str, Result]] = {
    **dict.fromkeys((*_TESTS, *_NUMBERS, "getMilliseconds", *(f"get{part}" for part in _DATES)), _scalar),
    **dict.fromkeys(("string", "bytes"), _written),
    "dyn": _first,
}
_PYTHON: Final[Mapping[str, Result]] = {
    **dict.fromkeys(("bool", "size", "sum", "indexOf", "lastIndexOf"), _scalar),
    **dict.fromkeys(("charAt", "substring", "lowerAscii", "upperAscii", "trim", "slice", "sort", "reverse"), _first),
    **dict.fromkeys(("min", "max"), _item),
    "split": _parts,
    "join": _joined,
}


class Cost:
    """What one expression costs, known once, and reckoned for each context."""

    def __init__(self, source: str) -> None:
        """Read `source`, which the library has compiled.

        Raises:
            ValueError: it has a form or a function whose cost is not known.
        """
        self.tree = parse(source)
        try:
            _Reckoning().of(self.tree, {})
            self._free = not _grows(self.tree)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None

    @property
    def patterns(self) -> list[str]:
        """The patterns of `matches`, as they are written."""
        return [node.parts[-1].name for node in self.tree.walk() if node.kind == "call" and node.name == "matches"]

    def of(self, context: Mapping[str, Any]) -> float:
        """Return the units that an evaluation on `context`, plain data, may take."""
        if self._free:
            return 0.0
        return _Reckoning().of(self.tree, {name: extent.of(value) for name, value in context.items()})[0]


def _grows(node: Node) -> bool:
    """Whether it can take more than its context and its own length: without calls and sums it reads things once."""
    return node.kind == "call" or (node.kind == "binary" and "+" in node.name) or any(map(_grows, node.parts))


class _Reckoning:
    """Goes through an expression once, whatever the data; of what can be either way it takes the greater."""

    def of(self, node: Node, names: Names) -> tuple[float, Extent]:
        """Return the cost of a part, and the extent of what it yields."""
        match node.kind:
            case "literal":
                return 1, extent.text(len(node.name))
            case "name":
                return 1, names.get(node.name, SCALAR)
            case "call":
                return self._call(node, names)
        return self._joint(node, names)

    def _joint(self, node: Node, names: Names) -> tuple[float, Extent]:
        costs, parts = self._all(node.parts, names)
        match node.kind:
            case "select" | "index":
                name = node.name if node.kind == "select" else key_of(node)
                found = parts[0].item if name is None else parts[0].named(name)
                return costs + 1 + found.weight, found
            case "list" | "map":
                weight = 2 + sum(part.weight for part in parts)
                return costs + 5 + 2 * weight, Extent(weight, len(parts), extent.largest([*parts]))
            case "choice":
                return costs + 1, extent.largest([*parts[1:]])
            case "binary" if "+" in node.name.split():
                weight, length = sum(part.weight for part in parts), sum(part.length for part in parts)
                inner = extent.largest([part.item for part in parts])
                # Each operand is copied with the sum of all before it.
                return costs + weight * len(parts), Extent(weight, length, inner)
            case "unary" if node.name == "-":
                return costs + _PYTHON_CALL, SCALAR
            case "binary" | "unary":
                return costs + 1 + sum(part.weight for part in parts), SCALAR
        raise ValueError(f"the cost of a {node.kind} is not known")

    def _all(self, nodes: tuple[Node, ...], names: Names) -> tuple[float, tuple[Extent, ...]]:
        found = [self.of(node, names) for node in nodes]
        return sum(cost for cost, _ in found), tuple(size for _, size in found)

    def _call(self, node: Node, names: Names) -> tuple[float, Extent]:
        if node.method and node.name in MACROS:
            return self._macro(node, names)
        costs, parts = self._all(node.parts, names)
        weight = sum(part.weight for part in parts)
        if node.name == "matches":
            pattern = compiling(node.parts[-1].name if node.parts[-1].kind == "literal" else None)
            costs += pattern + weight * _MATCHED * (1 + pattern / 2_000)
        if node.name in _NATIVE and not (node.name == "contains" and not node.method):
            return costs + _CALL + weight, _NATIVE[node.name](parts)
        if node.name in _PYTHON or node.name == "contains":
            made = _PYTHON.get(node.name, _scalar)(parts)
            return costs + _PYTHON_CALL + _CONVERTED * (weight + made.weight), made
        raise ValueError(f"the cost of the function {node.name} is not known")

    def _macro(self, node: Node, names: Names) -> tuple[float, Extent]:
        target, variable, *bodies = node.parts
        if variable.kind != "name" or len(bodies) != 1 + (node.name == "map" and len(bodies) == 2):  # noqa: PLR2004  # with a condition
            raise ValueError(f"the cost of {node.name} with {len(node.parts) - 1} operands is not known")
        cost, items = self.of(target, names)
        each, yielded = self._all(tuple(bodies), {**names, variable.name: items.item})
        cost += items.length * (_TURN + each)
        if node.name not in {"map", "filter"}:
            return cost, SCALAR
        made = extent.repeated(yielded[-1] if node.name == "map" else items.item, items.length)
        # What it has so far is copied for each item.
        return cost + items.length * made.weight, made
