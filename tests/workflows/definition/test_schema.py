from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.fusion.registry import STRATEGIES
from app.routing.registry import POLICIES
from app.source.syntax import parse
from app.workflows.definition.schema import schema

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def _fits(**step: Any) -> bool:
    whole = {"kind": "ask", "models": ["a"], "prompt": "x", **step}
    return bool(VALIDATOR.is_valid({"id": "w", "steps": {"a": whole}}))


def test_that_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_that_every_reference_leads_somewhere() -> None:
    found: list[str] = []

    def walk(value: Any) -> None:
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if name == "$ref" and isinstance(inner, str):
                found.append(inner)
            elif isinstance(inner, dict | list):
                walk(inner)

    walk(SCHEMA)
    assert found
    assert {reference.removeprefix("#/$defs/") for reference in found} <= SCHEMA["$defs"].keys()


def test_that_the_built_in_workflow_fits() -> None:
    text = files("app.workflows").joinpath("ask.yaml").read_text(encoding="utf-8")
    assert list(VALIDATOR.iter_errors(parse(text, "ask.yaml").value)) == []


@pytest.mark.parametrize(
    ("step", "fits"),
    [
        ({}, True),
        ({"prompt": {"file": "x.j2"}}, True),
        ({"prompt": {"fil": "x.j2"}}, False),
        ({"timeout": "30s"}, True),
        ({"tmeout": 3}, False),
        ({"schema": {"type": "string"}}, True),
        ({"fusion": {"quorum": 1}}, True),
        ({"fusion": {"quorm": 1}}, False),
        ({"fusion": {"strategy": "vote", "quorum": 2, "exact": True}}, True),
        ({"fusion": {"strategy": "vote", "exat": True}}, False),
        ({"routing": {"policy": "weighted", "weights": {"a": 1}}}, True),
        ({"routing": [{"policy": "fixed"}, {"policy": "weighted", "weights": {"a": 1}, "choose": 1}]}, True),
        ({"routing": {"policy": "fixed", "weights": {"a": 1}}}, False),
        ({"routing": {"policy": "weighted", "weights": "a"}}, False),
    ],
)
def test_that_options_depend_on_the_component(step: dict[str, Any], fits: bool) -> None:  # noqa: FBT001  # an expectation
    assert _fits(**step) is fits


def test_that_every_component_is_offered_with_what_it_is_for() -> None:
    for part, by, known in (("Fusion", "strategy", STRATEGIES), ("Routing", "policy", POLICIES)):
        offered = SCHEMA["$defs"][part]["properties"][by]["anyOf"]
        assert {one["const"] for one in offered} >= set(known)
        assert all(one["description"] for one in offered)
