from __future__ import annotations

from typing import Any

import pytest

from app.models.anthropic.json_schema import supported_schema

CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["name"],
    "additionalProperties": False,
}


def test_a_closed_object_is_taken_as_it_is() -> None:
    assert supported_schema(CLOSED) == CLOSED


def test_an_object_that_says_nothing_of_further_properties_is_closed() -> None:
    assert supported_schema({name: value for name, value in CLOSED.items() if name != "additionalProperties"}) == CLOSED


def test_a_constraint_that_the_api_does_not_know_is_said_in_words() -> None:
    given: dict[str, Any] = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}

    taken = supported_schema(given)

    assert taken is not None
    assert taken["properties"]["age"] == {"type": "integer", "description": "{minimum: 0}"}
    assert given == {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}


@pytest.mark.parametrize("name", ["type", "properties", "additionalProperties", "patternProperties"])
def test_a_property_may_be_called_like_a_word_of_schemas(name: str) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {name: {"type": "string"}}, "additionalProperties": False}

    assert supported_schema(schema) == schema


def test_a_definition_may_be_referred_to() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/word"}},
        "additionalProperties": False,
        "$defs": {"word": {"type": "string"}},
    }

    assert supported_schema(schema) == schema


@pytest.mark.parametrize(
    "part",
    [
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "patternProperties": {"^x": {"type": "string"}}},
        {"type": ["string", "null"]},
        {"$ref": "#"},
        {"$ref": "https://example.com/schema"},
        {},
    ],
)
def test_what_the_api_cannot_hold_a_model_to_is_left_to_the_words(part: dict[str, Any]) -> None:
    assert supported_schema({"type": "object", "properties": {"list": {"type": "array", "items": part}}}) is None


def test_a_recursive_schema_is_left_to_the_words() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}

    assert (
        supported_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}})
        is None
    )
