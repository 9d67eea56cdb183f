"""Which JSON schemas Anthropic's models can be held to, and in which form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue


def supported_schema(schema: Mapping[str, JsonValue]) -> dict[str, Any] | None:
    """Return a schema as the API takes it: every answer that fits it has the form that `schema` describes.

    The API closes all objects, and knows few constraints: the others become part of the descriptions, and whether
    they are kept is for the reader of the answer to check. None stands for a schema that cannot be put so, because
    it has open objects or is recursive: it is left to the words of the messages.
    """
    from anthropic import transform_schema  # noqa: PLC0415  # optional

    if _recursive(schema) or any(_open(part) for part in _parts(schema)):
        return None
    try:
        return transform_schema(dict(schema))
    except (ValueError, TypeError, AttributeError, AssertionError):  # forms that it does not know
        return None


def _recursive(schema: Mapping[str, JsonValue]) -> bool:
    # Definitions that refer to definitions need not be recursive, but to be sure of it takes more than it gives.
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
