"""Filters of searches, as workflows write them: values, of which parts are known only when the step begins."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue, ValidationError

from app.expressions.interpolation import OPENING
from app.validation_messages import in_our_words
from topics.metadata_filters import BOUNDS, MetadataFilter

#: How errors call the types of which a value must have one.
_KINDS = frozenset({"bool", "int", "float", "str"})
#: Stands for a filter, or for a condition, that an expression gives.
_ANY_FILTER = {"field": "any", "eq": ""}


def check_filter(value: JsonValue) -> None:
    """Check what is known of a filter before its expressions are evaluated.

    Raises:
        ValueError: it is wrong, whatever they give.
    """
    if value is not None and not _is_open(value):
        read_filter(_filled(value))


def read_filter(value: JsonValue) -> MetadataFilter | None:
    """Return a filter from JSON; null is none.

    Raises:
        ValueError: it is none; the message says where.
    """
    if value is None:
        return None
    try:
        return MetadataFilter.model_validate(value)
    except ValidationError as error:
        # The innermost, as what holds something invalid is invalid too.
        first = max(error.errors(include_url=False, include_context=False), key=lambda one: len(one["loc"]))
        place, text = [*first["loc"]], in_our_words(first["type"], first["msg"])
        if first["type"] == "extra_forbidden":
            text = "a filter has no such key"
        if place and place[-1] in _KINDS:  # one of those that it could be
            text = "must be a number or a date" if place[-2] in BOUNDS else "must be a text, a number, true or false"
            place.pop()
        at = ".".join(map(str, place))
        raise ValueError(f"{at}: {text}" if at else text) from None


def _is_open(value: JsonValue) -> bool:
    return isinstance(value, str) and OPENING in value


def _filled(value: JsonValue) -> Any:
    """Return a filter with something valid in place of its expressions."""
    if not isinstance(value, dict):
        return _ANY_FILTER if _is_open(value) else value
    filled: dict[str, Any] = {}
    for name, inner in value.items():
        if name in {"all", "any"} and isinstance(inner, list):
            filled[name] = [_filled(one) for one in inner]
        elif name in {"all", "any"} and _is_open(inner):
            filled[name] = [_ANY_FILTER]
        elif name == "not":
            filled[name] = _filled(inner)
        elif name == "in" and isinstance(inner, list):
            filled[name] = [one for one in inner if not _is_open(one)]
        elif name == "field" or not _is_open(inner):
            filled[name] = inner
    closed = len(filled) == len(value)
    return filled if closed or len(filled) > 1 else {**filled, "eq": ""}
