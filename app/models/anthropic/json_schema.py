"""Which JSON schemas Anthropic's API can enforce, and in which form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue


def supported_schema(schema: Mapping[str, JsonValue]) -> dict[str, Any] | None:
    """Return `schema` in the form that the API accepts.

    The API closes all objects, and supports few constraints: the others become part of the descriptions, and the
    answer must be checked against them. Returns None for a schema with open objects or recursion, which cannot be
    expressed: then only the messages ask for it.
    """
    from anthropic import transform_schema  # noqa: PLC0415  # optional

    if _recursive(schema) or any(_open(part) for part in _parts(schema)):
        return None
    try:
        return transform_schema(dict(schema))
    except (ValueError, TypeError, AttributeError, AssertionError):  # schemas that it does not support
        return None


def _recursive(schema: Mapping[str, JsonValue]) -> bool:
    # Definitions that refer to definitions need not be recursive, but checking that is not worth it.
    outside = any(not str(part["$ref"]).startswith("#/$defs/") for part in _parts(schema) if "$ref" in part)
    return outside or '"$ref"' in json.dumps(schema.get("$defs"))


def _open(part: Mapping[str, Any]) -> bool:
    """Whether it is an object whose properties are not all named."""
    return part.get("type") == "object" and bool(
        not part.get("properties") or part.get("additionalProperties") or "patternProperties" in part
    )


def _parts(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _parts(inner)
