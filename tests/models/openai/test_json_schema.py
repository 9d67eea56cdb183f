from __future__ import annotations

from typing import Any

import pytest

from app.models.openai.json_schema import is_supported, strict_schema


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        closed(),
        closed(a=TEXT),
        {"type": "object", "additionalProperties": False},
        closed(a={"type": "array", "items": closed(b=TEXT), "maxItems": 3}),
        closed(a={"anyOf": [TEXT, {"type": "null"}]}),
        closed(a={"enum": ["x", "y"]}, b={"const": 1}),
        closed(a={"type": "string", "format": "date-time", "pattern": "^a", "title": "A", "description": "…"}),
        {**closed(a={"$ref": "#/$defs/b"}), "$defs": {"b": closed(c=TEXT)}},
        closed(properties=TEXT, items=TEXT),
        closed(a={"type": ["object", "null"], **{k: v for k, v in closed(b=TEXT).items() if k != "type"}}),
    ],
)
def test_a_closed_schema_is_strict(schema: dict[str, Any]) -> None:
    assert is_supported(schema)
    assert strict_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
        {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
        {**closed(a=TEXT), "additionalProperties": TEXT},
        closed(a={"type": "object"}),
        closed(a={"type": ["object", "null"]}),
        closed(a={"properties": {"b": TEXT}}),
        closed(a={"type": "array", "items": {"type": "object"}}),
        closed(a={"anyOf": [TEXT, {"type": "object"}]}),
        closed(a={"type": "string", "minLength": 1}),
        closed(a={"type": "string", "format": "iban"}),
        closed(a={}),
        closed(a=True),
        closed(a={"allOf": [TEXT]}),
        {**closed(a={"$ref": "#/$defs/b"}), "$defs": {"b": {"type": "object"}}},
        {**closed(a=TEXT), "oneOf": [closed(a=TEXT)]},
    ],
)
def test_an_open_one_is_not(schema: dict[str, Any]) -> None:
    assert is_supported(schema)
    assert not strict_schema(schema)


@pytest.mark.parametrize("schema", [{}, {"type": "array", "items": TEXT}, {"anyOf": [closed(a=TEXT)]}, TEXT])
def test_only_an_object_can_be_asked_for(schema: dict[str, Any]) -> None:
    assert not is_supported(schema)
    assert not strict_schema(schema)
