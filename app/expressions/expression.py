"""Expressions in CEL: conditions, computed values, and JSON with expressions in it.

CEL has neither loops nor clocks nor chance: equal contexts give equal values, so that a replay goes the same
way. What is evaluated gets only those parts of the context that it names, and what it may cost is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from app.errors import ConfigurationError, ExpressionError
from app.expressions.analysis import analyze, shortest_paths
from app.expressions.conversion import ABSENT, JsonConverter, follow, has_large_number, select
from app.expressions.cost import MAX_COST, Cost
from app.expressions.interpolation import OPENING, split_template
from app.expressions.messages import describe_error
from app.expressions.patterns import wrong_pattern
from app.expressions.program import Program
from app.expressions.syntax import path_of

#: What contexts have; a macro cannot give its items one of these names.
CONTEXT_NAMES = frozenset({"input", "metadata", "task", "steps", "item", "index"})


class Expression:
    """One compiled expression; `where` names its place.

    `paths` are the ways into the context that it goes, as in `input.order.total`; `roots` are the names with
    which they begin, and `steps` those in `steps.<name>`.
    """

    def __init__(self, source: str, *, where: str) -> None:
        """Compile `source`; `where` names it in errors.

        Raises:
            ConfigurationError: it is malformed, calls an unknown function, or does not say which step it means.
        """
        self.source = source
        self.where = where
        self._program = Program(source, where=where)
        try:
            self._cost = Cost(source)
        except ValueError as error:
            raise ConfigurationError(f"{where}: cannot be bounded: {error}") from None
        for pattern in self._cost.patterns:
            if wrong := wrong_pattern(pattern):
                raise ConfigurationError(f"{where}: {wrong}")
        self._way = path_of(self._cost.tree)
        reading = analyze(source, self._program.variables)
        self.paths = reading.paths
        self._needed = shortest_paths(self.paths)
        self.roots = frozenset(path[0] for path in self.paths)
        for name in sorted(reading.bound & CONTEXT_NAMES):
            raise ConfigurationError(f"{where}: `{name}` is taken; give the macro's variable another name")
        if ("steps",) in self.paths:
            raise ConfigurationError(f"{where}: name the step, as in `steps.answer.output`")
        self.steps = frozenset(path[1] for path in self.paths if path[0] == "steps")

    def evaluate(self, context: Mapping[str, Any], *, native: bool = False) -> Any:
        """Return what the expression yields on `context`, as JSON; with `native`, a timestamp is a `datetime`.

        Raises:
            ExpressionError: it refers to a missing value, mixes types, or yields or costs too much.
        """
        chosen = select(context, self._needed)
        try:
            # What is only named needs no evaluation, in which a number of more than 64 bits would not stay itself.
            value = follow(chosen, self._way) if self._way else ABSENT
            computed = value is ABSENT
            if computed:
                value = self._run(chosen)
            return value if native and isinstance(value, datetime) else JsonConverter(sort=computed).of(value)
        except ExpressionError:
            raise
        except Exception as error:  # noqa: BLE001  # each fault of an expression has a type of its own
            raise ExpressionError(f"{self.where}: {describe_error(error, chosen, self.paths)}") from None

    def _run(self, chosen: dict[str, Any]) -> Any:
        if self._cost.of(chosen) > MAX_COST:
            raise ExpressionError(f"{self.where}: would take too long on so much data; use a connector for it")
        if has_large_number(chosen):
            text = (
                "a number in the data has more than 64 bits; name it alone, as in `input.number`, or send it as a text"
            )
            raise ExpressionError(f"{self.where}: {text}")
        return self._program.run(chosen)


class TemplateValue:
    """JSON in which `${{ expression }}` stands for what the expression yields.

    A string that is nothing else becomes the value itself; inside a longer string a text stands as it is, and
    anything else as JSON. `$${{` is a plain `${{`.
    """

    def __init__(self, data: JsonValue, *, where: str) -> None:
        """Compile the expressions in `data`.

        Raises:
            ConfigurationError: one of them is malformed, or not closed.
        """
        self._where = where
        self.expressions: list[Expression] = []
        self._shape = self._compile(data, where)
        self.roots = frozenset(name for one in self.expressions for name in one.roots)
        self.steps = frozenset(name for one in self.expressions for name in one.steps)

    def evaluate(self, context: Mapping[str, Any]) -> JsonValue:
        """Return the JSON on `context`.

        Raises:
            ExpressionError: as `Expression.evaluate`.
        """
        if not self.expressions:
            return self._shape  # type: ignore[no-any-return]  # then it is the JSON itself
        filled = _fill(self._shape, context)
        try:
            return JsonConverter(sort=False).of(filled)
        except ValueError as error:
            raise ExpressionError(f"{self._where}: {error}") from None

    def _compile(self, data: Any, where: str) -> Any:
        if isinstance(data, Mapping):
            return {name: self._compile(inner, f"{where}.{name}") for name, inner in data.items()}
        if isinstance(data, list | tuple):
            return [self._compile(inner, f"{where}.{place}") for place, inner in enumerate(data)]
        return self._text(data, where) if isinstance(data, str) and OPENING in data else data

    def _text(self, text: str, where: str) -> Any:
        parts: list[str | Expression] = []
        for part, inside in split_template(text, where=where):
            parts.append(Expression(part, where=where) if inside else part)
        self.expressions += (part for part in parts if isinstance(part, Expression))
        if len(parts) == 1:
            return parts[0]
        return _Template(parts)


class _Template(tuple[str | Expression, ...]):
    """The parts of a string with expressions in it."""

    __slots__ = ()

    def fill(self, context: Mapping[str, Any]) -> str:
        return "".join(part if isinstance(part, str) else _as_text(part.evaluate(context)) for part in self)


def _fill(shape: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(shape, Expression):
        return shape.evaluate(context)
    if isinstance(shape, _Template):
        return shape.fill(context)
    if isinstance(shape, dict):
        return {name: _fill(inner, context) for name, inner in shape.items()}
    return [_fill(inner, context) for inner in shape] if isinstance(shape, list) else shape


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
