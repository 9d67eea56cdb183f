"""JSON Schemas: what a value must look like, and what is wrong with one that does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import ConfigurationError, MissingDependency
from app.patterns import hint
from app.suggestions import did_you_mean

_MOST_CHARACTERS = 300
#: How many faults a value may have to be told which one it is.
_MOST_FAULTS = 10_000
#: What YAML 1.1 took for a boolean, as an error quotes it.
_YAML_1_1 = re.compile(r'"(?:yes|no|on|off)" is not', re.IGNORECASE)
_NO_TYPE = re.compile(r'"(\w+)" is not valid under any of the schemas')
_BARE_TYPE = re.compile(r'"(\w+)" is not of types "boolean", "object"')
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_ALTERNATIVES = ("anyOf", "oneOf")
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})

#: In these, a mapping has names with a schema each; in those, a schema, or a list of them.
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_INNER = frozenset(
    {"items", "prefixItems", "additionalItems", "contains", "additionalProperties", "propertyNames"}
    | {"unevaluatedItems", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"}
)
#: The keywords of the drafts from 4 to 2020-12.
KEYWORDS = (
    _NAMED
    | _INNER
    | _REFERENCES
    | {"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment", "$vocabulary"}
    | {"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"}
    | {"maxLength", "minLength", "pattern", "format", "maxItems", "minItems", "uniqueItems", "maxContains"}
    | {"minContains", "maxProperties", "minProperties", "required", "dependentRequired", "dependencies"}
    | {"title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples", "example"}
    | {"contentEncoding", "contentMediaType", "contentSchema"}
)


def unknown_keywords(schema: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each key of a schema that JSON Schema does not have, with its path; one that begins with `x-` is meant."""
    if isinstance(schema, list | tuple):
        for place, inner in enumerate(schema):
            yield from unknown_keywords(inner, (*path, place))
    if not isinstance(schema, Mapping):
        return
    for name, inner in schema.items():
        if name in _INNER:
            yield from unknown_keywords(inner, (*path, name))
        elif name in _NAMED and isinstance(inner, Mapping):
            for one, below in inner.items():
                yield from unknown_keywords(below, (*path, name, one))
        elif name not in KEYWORDS and not name.startswith("x-"):
            yield path, name


def demand(schema: Mapping[str, Any]) -> str:
    """Return the sentence that asks a model for JSON of this schema."""
    return (
        "Answer with one JSON value and nothing else: no explanation, no code fence. It must be valid against this "
        f"JSON Schema:\n{json.dumps(schema, ensure_ascii=False, sort_keys=True)}"
    )


class Schema:
    """One compiled JSON Schema, of draft 2020-12 unless its `$schema` names an older one."""

    def __init__(self, schema: Mapping[str, Any], *, where: str) -> None:
        """Compile `schema`; `where` names it in errors. Nothing is ever fetched.

        Raises:
            ConfigurationError: it is not a valid schema, or refers to one elsewhere.
        """
        try:
            import jsonschema_rs  # noqa: PLC0415  # part of the server's extra
        except ImportError:
            raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
        try:
            # This engine of patterns takes a time that grows with the text and no faster; `offline` forbids to fetch.
            self._validator = jsonschema_rs.validator_for(
                dict(schema), offline=True, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise ConfigurationError(f"{where}: is not a JSON Schema: {_reason(error)}") from None
        self._invalid = jsonschema_rs.ValidationError
        self._alternatives = _alternatives(schema) if _refers(schema) else 0

    def complaint(self, value: Any) -> str | None:
        """Return the first problem as "path: what is wrong", None when `value` fits."""
        try:
            if self._validator.is_valid(value):
                return None
            if (self._alternatives + 1) ** _depth(value) > _MOST_FAULTS:
                return "it fits none of the schema's alternatives"
            self._validator.validate(value)
        except self._invalid as problem:
            path = ".".join(map(str, problem.instance_path))
            return _short(f"{path}: {problem.message}" if path else problem.message)
        except ValueError as error:  # it holds what is not JSON
            return _short(str(error))
        return None


def _refers(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return not _REFERENCES.isdisjoint(schema) or any(map(_refers, schema.values()))
    return isinstance(schema, list | tuple) and any(map(_refers, schema))


def _alternatives(schema: Any) -> int:
    """Return how many alternatives there are: within each, a schema that refers to itself tells all faults again."""
    if isinstance(schema, Mapping):
        own = sum(len(schema[name]) for name in _ALTERNATIVES if isinstance(schema.get(name), list))
        return own + sum(map(_alternatives, schema.values()))
    return sum(map(_alternatives, schema)) if isinstance(schema, list | tuple) else 0


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return 1 + max(map(_depth, inner), default=0)


def _reason(error: Exception) -> str:
    path = ".".join(map(str, getattr(error, "instance_path", ())))
    said = str(getattr(error, "message", error)).splitlines()[0]
    if "Retrieval is disabled" in said:
        said = "it refers to another file or address; write what it refers to under `$defs`"
    if 'is not a "regex"' in said:
        said = f"{said}; {hint(said)}"
    if (found := _NO_TYPE.match(said)) and path.endswith("type"):
        said = f"there is no type {found[1]}; {did_you_mean(found[1], _TYPES)}"
    if (found := _BARE_TYPE.match(said)) and found[1] in _TYPES:
        said += f"; write {{type: {found[1]}}}"
    if _YAML_1_1.match(said):
        said += "; write true or false"
    return _short(f"{path}: {said}" if path else said)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"
