"""References in Python code: `search.chunks` and `triage.output == "refund"` become CEL."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


class Ref:
    """A CEL expression being built: attributes, items, calls, comparisons, `+ - * / %`, `& | ~` make larger ones.

    In a text it becomes `{{ … }}`, so that `f"Answer {flow.input.question}"` is a template.
    """

    __slots__ = ("_compound", "_source")
    __hash__ = None  # type: ignore[assignment]  # `==` makes an expression

    def __init__(self, source: str, *, compound: bool = False) -> None:
        self._source = source
        self._compound = compound

    def __getattr__(self, name: str) -> Ref:
        if name.startswith("_"):
            raise AttributeError(name)
        return Ref(f"{_operand(self)}.{name}")

    def __getitem__(self, key: Any) -> Ref:
        return Ref(f"{_operand(self)}[{cel(key)}]")

    def __call__(self, *arguments: Any) -> Ref:
        """Return the call of a CEL function, as in `flow.input.text.contains("x")`."""
        return Ref(f"{self._source}({', '.join(map(cel, arguments))})")

    def __str__(self) -> str:
        if self._compound:
            raise TypeError("only a plain reference can stand in a template; compute it in a `transform` step")
        return f"{{{{ {self._source} }}}}"

    def __format__(self, spec: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"Ref({self._source!r})"

    def __bool__(self) -> bool:
        raise TypeError("a reference has no value before the run; combine conditions with &, | and ~")

    def __iter__(self) -> Any:
        raise TypeError("a reference has no items before the run; use a `map` step")

    def __eq__(self, other: object) -> Ref:  # type: ignore[override]  # it makes an expression
        return _binary(self, "==", other)

    def __ne__(self, other: object) -> Ref:  # type: ignore[override]  # likewise
        return _binary(self, "!=", other)

    def __lt__(self, other: Any) -> Ref:
        return _binary(self, "<", other)

    def __le__(self, other: Any) -> Ref:
        return _binary(self, "<=", other)

    def __gt__(self, other: Any) -> Ref:
        return _binary(self, ">", other)

    def __ge__(self, other: Any) -> Ref:
        return _binary(self, ">=", other)

    def __add__(self, other: Any) -> Ref:
        return _binary(self, "+", other)

    def __radd__(self, other: Any) -> Ref:
        return _binary(other, "+", self)

    def __sub__(self, other: Any) -> Ref:
        return _binary(self, "-", other)

    def __mul__(self, other: Any) -> Ref:
        return _binary(self, "*", other)

    def __truediv__(self, other: Any) -> Ref:
        return _binary(self, "/", other)

    def __mod__(self, other: Any) -> Ref:
        return _binary(self, "%", other)

    def __and__(self, other: Any) -> Ref:
        return _binary(self, "&&", other)

    def __or__(self, other: Any) -> Ref:
        return _binary(self, "||", other)

    def __invert__(self) -> Ref:
        return Ref(f"!{_operand(self)}", compound=True)


def cel(value: Any) -> str:
    """Return a reference or plain JSON as CEL.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, Ref):
        return value._source  # noqa: SLF001  # of the same module
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{cel(name)}: {cel(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(cel, value))}]"
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value, ensure_ascii=False)
    raise TypeError(f"{type(value).__name__} cannot stand in an expression")


def _operand(value: Any) -> str:
    return f"({cel(value)})" if isinstance(value, Ref) and value._compound else cel(value)  # noqa: SLF001  # likewise


def _binary(left: Any, operator: str, right: Any) -> Ref:
    return Ref(f"{_operand(left)} {operator} {_operand(right)}", compound=True)
