"""Which JSON schemas providers can enforce during generation.

Source: "Supported schemas" in OpenAI's guide to structured outputs, which the others follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_KNOWN = frozenset(
    {
        *("$defs", "$ref", "additionalProperties", "anyOf", "const", "definitions", "description", "enum"),
        *("exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum"),
        *("multipleOf", "pattern", "properties", "required", "title", "type"),
    }
)
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})


def is_supported(schema: Mapping[str, Any] | None) -> bool:
    """Whether a provider accepts it: the answer must be an object."""
    return schema is not None and schema.get("type") == "object"


def strict_schema(schema: Mapping[str, Any]) -> bool:
    """Whether it can be enforced: every object is closed, all properties are required, no other keyword is used."""
    return is_supported(schema) and all(map(_strict, _parts(schema)))


def _parts(schema: object) -> Iterator[object]:
    """Yield the schema and every subschema."""
    yield schema
    if not isinstance(schema, Mapping):
        return
    for name in ("$defs", "definitions", "properties"):
        inner = schema.get(name)
        for one in inner.values() if isinstance(inner, Mapping) else ():
            yield from _parts(one)
    for one in schema.get("anyOf", ()):
        yield from _parts(one)
    if "items" in schema:
        yield from _parts(schema["items"])


def _strict(part: object) -> bool:
    if not isinstance(part, Mapping) or not part.keys() <= _KNOWN:
        return False
    if part.get("format", "date") not in _FORMATS or not part.keys() & {"type", "anyOf", "$ref", "enum", "const"}:
        return False
    return not _is_object(part) or _closed(part)


def _is_object(part: Mapping[str, Any]) -> bool:
    kind = part.get("type")
    return kind == "object" or "properties" in part or (isinstance(kind, list) and "object" in kind)


def _closed(part: Mapping[str, Any]) -> bool:
    every = set(part.get("properties", {})) == set(part.get("required", ()))
    return every and part.get("additionalProperties") is False
