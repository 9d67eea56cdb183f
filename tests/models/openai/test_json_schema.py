from __future__ import annotations

from typing import Any

import pytest

from app.models.openai.json_schema import is_supported, response_form, strict_schema


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def nested(depth: int) -> dict[str, Any]:
    return closed(a=nested(depth - 1) if depth else TEXT)


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        closed(),
        closed(a=TEXT),
        closed(a={"type": "array", "items": closed(b=TEXT), "maxItems": 3}),
        closed(a={"anyOf": [TEXT, {"type": "null"}]}),
        closed(a={"type": "string", "enum": ["x", "y"]}, b={"type": "integer", "const": 1}),
        closed(a={"anyOf": [{"$ref": "#"}, {"type": "null"}], "description": "the next one"}),
        closed(a={"anyOf": [closed(b=TEXT), closed(c=TEXT)]}),
        closed(a={"type": "string", "format": "date-time", "pattern": "^a", "title": "A", "description": "…"}),
        {**closed(a={"$ref": "#/$defs/b"}), "$defs": {"b": closed(c=TEXT)}},
        closed(properties=TEXT, items=TEXT),
        nested(9),
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
        {**closed(a={"$ref": "#/$defs/b", "description": "…"}), "$defs": {"b": closed(c=TEXT)}},
        {**closed(a={"$ref": "#/$defs/b", "title": "A"}), "$defs": {"b": closed(c=TEXT)}},
        closed(a={"$ref": "#/$defs/nowhere"}),
        closed(a={"$ref": "https://example.com/schema.json"}),
        closed(a=TEXT, b={"$ref": "#/properties/a"}),
        closed(a={**closed(b={"$ref": "#/$defs/c"}), "$defs": {"c": TEXT}}),
        {"type": "object", "additionalProperties": False},
        {**closed(a=TEXT), "anyOf": [closed(a=TEXT)]},
        closed(a={"enum": ["x", "y"]}),
        closed(a={"const": 1}),
        closed(a={"type": "string", "enum": ["x", 1]}),
        closed(a={"type": "integer", "enum": [True]}),
        closed(a={"type": "string", "enum": []}),
        closed(a={"type": "date"}),
        closed(a={"type": "array"}),
        closed(a={"type": "array", "items": True}),
        closed(a={"type": "array", "prefixItems": [TEXT]}),
        closed(a={"type": "array", "items": TEXT, "uniqueItems": True}),
        closed(a={"type": "string", "default": "x"}),
        closed(a={"type": "string", "pattern": "^(?!a)"}),
        closed(a={"anyOf": []}),
        closed(a={"anyOf": [closed(kind=TEXT), closed(kind={"type": "integer"})]}),
        nested(10),
        closed(**{f"p{number}": TEXT for number in range(5001)}),
        closed(a={"type": "integer", "enum": list(range(1001))}),
        closed(a={"type": "string", "enum": ["x" * 70 + str(number) for number in range(251)]}),
        closed(**{"x" * 120_001: TEXT}),
    ],
)
def test_an_open_one_is_not(schema: dict[str, Any]) -> None:
    assert is_supported(schema)
    assert not strict_schema(schema)


@pytest.mark.parametrize("schema", [{}, {"type": "array", "items": TEXT}, {"anyOf": [closed(a=TEXT)]}, TEXT])
def test_only_an_object_can_be_asked_for(schema: dict[str, Any]) -> None:
    assert not is_supported(schema)
    assert not strict_schema(schema)


@pytest.mark.parametrize(
    ("title", "name"),
    [("Weather", "Weather"), ("a b", "answer"), ("x" * 65, "answer"), (None, "answer"), (7, "answer")],
)
def test_that_a_schema_is_called_by_its_title(title: object, name: str) -> None:
    assert response_form({"type": "object", "title": title})["name"] == name
