"""Durations of a deployed workflow, written with their units."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.source.syntax import parse
from app.source.writing import to_yaml
from app.workflows.definition.deployment import digest, plain
from app.workflows.definition.durations import with_units
from app.workflows.definition.spec import Workflow

ASK = {"kind": "ask", "models": ["m"], "prompt": "p"}
SECONDS = st.floats(0.001, 1e6, allow_nan=False) | st.integers(1, 10**6)


def _plain(steps: dict[str, Any], **head: Any) -> dict[str, Any]:
    return plain(Workflow.model_validate({"id": "w", "answer": "a", **head, "steps": {"a": ASK, **steps}}), 1)


@pytest.mark.parametrize(
    ("step", "written"),
    [
        ({**ASK, "timeout": "90s"}, {"timeout": "90s"}),
        ({**ASK, "cache": 300}, {"cache": {"for": "5m"}}),
        (
            {**ASK, "retry": {"backoff": 0.25, "max_backoff": 7200}},
            {"retry": {"backoff": "250ms", "max_backoff": "2h"}},
        ),
        ({"kind": "wait", "for": 3600}, {"for": "1h"}),
        ({"kind": "transform", "value": "1", "fallback": {"value": {"timeout": 60}}}, {}),
        ({"kind": "connector", "connector": "c", "arguments": {"timeout": 60.0, "for": 1}}, {}),
    ],
)
def test_that_a_step_has_units_where_it_has_durations(step: dict[str, Any], written: dict[str, Any]) -> None:
    deployed = _plain({"b": step})
    assert with_units(deployed)["steps"]["b"] == {**deployed["steps"]["b"], **written}


def test_that_a_map_has_them_inside_too() -> None:
    inner = {**ASK, "timeout": 30, "retry": {"backoff": 2}}
    found = with_units(_plain({"b": {"kind": "map", "over": "[1]", "timeout": 600.5, "step": inner}}, deadline=86400))
    assert found["deadline"] == "1d"
    assert found["steps"]["b"]["timeout"] == "600.5s"
    assert (found["steps"]["b"]["step"]["timeout"], found["steps"]["b"]["step"]["retry"]["backoff"]) == ("30s", "2s")


@given(SECONDS, SECONDS, SECONDS)
def test_that_it_is_deployed_as_the_same_content(deadline: float, timeout: float, backoff: float) -> None:
    deployed = _plain({"b": {**ASK, "timeout": timeout, "retry": {"backoff": backoff}}}, deadline=deadline)
    again = Workflow.model_validate(parse(to_yaml(with_units(deployed)), "it").value)
    assert digest(plain(again, 1)) == digest(deployed)


@pytest.mark.parametrize(
    "odd", [{}, {"steps": None}, {"steps": {"a": "x", "b": {"retry": 3, "cache": None}}}, {"deadline": True}]
)
def test_that_what_is_no_workflow_stays_as_it_is(odd: dict[str, Any]) -> None:
    assert with_units(odd) == odd
