"""Which JSON schemas providers can enforce during generation.

Source: "Supported schemas" in OpenAI's guide to structured outputs, which the others follow, and the errors with which
its API refuses what the guide does not mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

_KNOWN = frozenset(
    {
        *("$defs", "$ref", "additionalProperties", "anyOf", "const", "definitions", "description", "enum"),
        *("exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum"),
        *("multipleOf", "pattern", "properties", "required", "title", "type"),
    }
)
_DEFINITIONS = ("$defs", "definitions")
#: The keywords that a root may not have, beside its definitions.
_NOT_AT_ROOT = frozenset({"anyOf", "const", "enum"})
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})
_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
#: What a pattern may not have: look-around, and references to groups.
_PATTERN = re.compile(r"\(\?<?[=!]|\\[1-9]|\(\?P=")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DEEPEST, _MOST_PROPERTIES, _MOST_VALUES, _MOST_CHARACTERS = 10, 5000, 1000, 120_000
#: An enum of more values may have fewer characters.
_LARGE_ENUM, _LARGE_ENUM_CHARACTERS = 250, 15_000


def is_supported(schema: Mapping[str, Any] | None) -> bool:
    """Whether a provider accepts it: the answer must be an object."""
    return schema is not None and schema.get("type") == "object"


def response_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what asks for an answer of a schema: its name is its title, where that can be one."""
    title = schema.get("title")
    name = title if isinstance(title, str) and _NAME.fullmatch(title) else "answer"
    return {"name": name, "schema": schema, "strict": strict_schema(schema)}


def strict_schema(schema: Mapping[str, Any]) -> bool:
    """Whether it can be enforced.

    Every object is closed and requires all its properties, every part has a type, a `$ref` stands alone and leads to a
    definition at the root, no other keyword is used, and it is not too large.
    """
    if not is_supported(schema) or _NOT_AT_ROOT & schema.keys():
        return False
    targets = {f"#/{name}/{key}" for name in _DEFINITIONS for key in _mapping(schema.get(name))} | {"#"}
    parts = list(_parts(schema))
    strict = all(_strict(part, targets, root=part is schema) for part, depth in parts if depth <= _DEEPEST)
    return strict and all(depth <= _DEEPEST for _, depth in parts) and _small([part for part, _ in parts])


def _parts(schema: object, depth: int = 1) -> Iterator[tuple[Any, int]]:
    """Yield the schema and every subschema, each with how deep it is within objects and arrays."""
    yield schema, depth
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    for name in _DEFINITIONS:
        yield from chain.from_iterable(_parts(one, depth) for one in _mapping(schema.get(name)).values())
    for one in _list(schema.get("anyOf")):
        yield from _parts(one, depth)
    inner = [*_mapping(schema.get("properties")).values(), *([schema["items"]] if "items" in schema else [])]
    for one in inner:
        yield from _parts(one, depth + _nests(one))


def _nests(part: object) -> bool:
    return isinstance(part, Mapping) and bool(part.keys() & {"properties", "items", "anyOf"})


def _strict(part: object, targets: set[str], *, root: bool) -> bool:
    if not isinstance(part, Mapping) or not part.keys() <= _KNOWN:
        return False
    if "$ref" in part:
        return len(part) == 1 and part["$ref"] in targets
    if not root and part.keys() & set(_DEFINITIONS):
        return False
    if part.get("format", "date") not in _FORMATS or _PATTERN.search(str(part.get("pattern", ""))):
        return False
    if "anyOf" in part:
        return _distinct(_list(part["anyOf"]))
    return _typed(part) and _values_fit(part)


def _distinct(options: list[Any]) -> bool:
    """Whether the options can be told apart: those that are objects by their first property."""
    first = [next(iter(_mapping(_mapping(one).get("properties"))), None) for one in options]
    named = [name for name in first if name is not None]
    return bool(options) and len(named) == len(set(named))


def _typed(part: Mapping[str, Any]) -> bool:
    kinds = _kinds(part)
    if not kinds or not set(kinds) <= _TYPES.keys():
        return False
    if "array" in kinds and not isinstance(part.get("items"), Mapping):
        return False
    return _closed(part) if "object" in kinds or "properties" in part else True


def _kinds(part: Mapping[str, Any]) -> list[str]:
    kind = part.get("type")
    return [one for one in kind if isinstance(one, str)] if isinstance(kind, list) else [kind] if kind else []


def _closed(part: Mapping[str, Any]) -> bool:
    properties, required = part.get("properties"), _list(part.get("required", []))
    every = isinstance(properties, Mapping) and sorted(properties) == sorted(map(str, required))
    return every and part.get("additionalProperties") is False


def _values_fit(part: Mapping[str, Any]) -> bool:
    """Whether the values of an enum, or the constant, have the type."""
    values = _list(part["enum"]) if "enum" in part else [part["const"]] if "const" in part else None
    if values is None:
        return True
    kinds = _kinds(part)
    return bool(values) and all(any(_is(value, kind) for kind in kinds) for value in values)


def _is(value: object, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _small(parts: list[Any]) -> bool:
    found = [part for part in parts if isinstance(part, Mapping)]
    names = [name for part in found for field in ("properties", *_DEFINITIONS) for name in _mapping(part.get(field))]
    enums = [_list(part.get("enum")) for part in found]
    texts = [*names, *map(str, chain.from_iterable(enums)), *(str(part.get("const", "")) for part in found)]
    return (
        sum(len(_mapping(part.get("properties"))) for part in found) <= _MOST_PROPERTIES
        and sum(map(len, enums)) <= _MOST_VALUES
        and sum(map(len, texts)) <= _MOST_CHARACTERS
        and all(len(enum) <= _LARGE_ENUM or len("".join(map(str, enum))) <= _LARGE_ENUM_CHARACTERS for enum in enums)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
