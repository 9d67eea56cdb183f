"""Conditions: expressions that must yield true or false."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import ExpressionError
from app.expressions.expression import Expression


def holds(condition: Expression, context: Mapping[str, Any]) -> bool:
    """Return whether a condition holds.

    Raises:
        ExpressionError: it cannot be evaluated, or yields something other than true or false.
    """
    value = condition.evaluate(context)
    if not isinstance(value, bool):
        raise ExpressionError(f"the condition {condition.source} yields {type(value).__name__}, not true or false")
    return value
