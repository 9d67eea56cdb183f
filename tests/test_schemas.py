from __future__ import annotations

from typing import Any

import pytest

from app.errors import ConfigurationError
from app.schemas import Schema

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z]+$"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "$defs": {"line": {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}}},
}


def test_that_what_fits_is_not_complained_of() -> None:
    assert Schema(ORDER, where="w").complaint({"id": "a", "lines": [{"count": 1}]}) is None
    assert Schema({}, where="w").complaint(None) is None


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({}, '"id" is a required property'),
        ({"id": "A"}, 'id: "A" does not match "^[a-z]+$"'),
        ({"id": "a", "lines": [{"count": 1}, {"count": 0}]}, "lines.1.count: 0 is less than the minimum of 1"),
        ([], '[] is not of type "object"'),
    ],
)
def test_that_the_first_problem_is_named_with_its_path(value: Any, complaint: str) -> None:
    assert Schema(ORDER, where="w").complaint(value) == complaint


def test_that_formats_count() -> None:
    assert Schema({"format": "date"}, where="w").complaint("tomorrow") == '"tomorrow" is not a "date"'


def test_that_a_complaint_is_one_short_line() -> None:
    found = Schema({"type": "integer"}, where="w").complaint("x\n" * 5000)
    assert found is not None
    assert "\n" not in found
    assert len(found) <= 300


def test_that_what_is_not_json_is_a_complaint() -> None:
    assert Schema({"type": "object"}, where="w").complaint({1: 2})


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"type": "nope"}, "type: there is no type nope; there are array"),
        ({"properties": 3}, "properties: 3 is not of type"),
        ({"pattern": "("}, 'pattern: "(" is not a "regex"'),
        ({"$ref": "#/$defs/nope"}, "Pointer '/$defs/nope' does not exist"),
        ({"$ref": "http://127.0.0.1:1/x"}, "it refers to another file or address"),
        ({"$ref": "file:///etc/hostname"}, "it refers to another file or address"),
        ({"$schema": "http://127.0.0.1:1/meta"}, "Unknown meta-schema"),
    ],
)
def test_that_what_is_not_a_schema_is_refused_and_nothing_fetched(schema: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Schema(schema, where="workflow w: input")
    assert str(caught.value).startswith(f"workflow w: input: is not a JSON Schema: {complaint}")


def test_that_a_hostile_pattern_takes_no_longer_than_another() -> None:
    assert Schema({"pattern": "^(a+)+$"}, where="w").complaint("a" * 50_000 + "b")


def test_that_an_older_draft_is_understood() -> None:
    draft = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert Schema(draft, where="w").complaint([1]) == '0: 1 is not of type "string"'


def test_that_faults_of_a_recursive_schema_are_told_in_time() -> None:
    alternatives = [{"required": [name], "properties": {"a": {"$ref": "#"}}} for name in ("x", "y", "z")]
    value: dict[str, object] = {}
    for _ in range(150):
        value = {"a": value}
    assert Schema({"anyOf": alternatives}, where="w").complaint(value) == "it fits none of the schema's alternatives"
    shallow = Schema({"anyOf": alternatives}, where="w").complaint({"a": 1})
    assert shallow
    assert "anyOf" in shallow
