from __future__ import annotations

from typing import Any

import pytest

from app.workflows.checks.base import Subject
from app.workflows.checks.sample_context import UNKNOWN, context, follow, known, lookup, sample
from tests.workflows.checks.findings import ASK, transform, workflow


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
        ({"type": "integer"}, 1),
        ({"type": "number"}, 1.5),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, {"a": None}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}}, 1),
        ({"enum": ["a", 1]}, UNKNOWN),
        ({"type": ["string", "null"]}, UNKNOWN),
        ({"type": "object"}, UNKNOWN),
        ({"anyOf": [{"type": "string"}]}, UNKNOWN),
        ({"$ref": "#/$defs/nothing"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_that_a_schema_gives_a_sample(schema: dict[str, Any], value: object) -> None:
    assert sample(schema) == value


def test_that_a_schema_which_refers_to_itself_ends() -> None:
    tree = {"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}}
    assert not known(sample({**tree, "$defs": {"t": tree}}))


def test_that_properties_are_followed() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"properties": {"b": {"type": "null"}}}}}
    assert follow(schema, ("a", "b")) == {"type": "null"}
    assert follow(schema, ("a", "c")) is None


def test_that_an_ask_with_tools_may_want_one_called() -> None:
    steps = {"a": {**ASK, "tools": [{"name": "search"}]}, "b": ASK}
    seen = context(Subject(workflow(steps)), tuple(steps))
    assert lookup(seen, ("steps", "a", "tool_calls")) == [
        {"id": "text", "name": "text", "arguments": UNKNOWN, "raw": "text"}
    ]
    assert lookup(seen, ("steps", "b", "tool_calls")) == []


def test_that_steps_have_the_outputs_of_their_kinds() -> None:
    steps = {
        "r": {"kind": "retrieve", "query": "q"},
        "a": ASK,
        "j": {**ASK, "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        "d": {"kind": "decide", "branches": [{"name": "x"}]},
        "t": transform("steps.j.output.n + 1"),
        "m": {"kind": "map", "over": "steps.r.chunks", "step": transform("item.text")},
        "w": {"kind": "wait", "for": 1},
        "c": {"kind": "connector", "connector": "c"},
    }
    seen = context(Subject(workflow(steps)), tuple(steps))
    found = {name: lookup(seen, ("steps", name, "output")) for name in steps}
    assert found.pop("r")[0]["text"] == "a"
    assert found == {"a": "text", "j": {"n": 1}, "d": "x", "t": 2, "m": ["a"], "w": None, "c": UNKNOWN}
    assert lookup(seen, ("metadata", "whatever")) == "text"
    assert lookup(seen, ("input", "x")) is UNKNOWN
