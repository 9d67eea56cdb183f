from __future__ import annotations

from typing import Any

import pytest

from app.connectors.registry import BUILT_IN as CONNECTORS
from app.settings import Settings
from app.workflows.checks import Names
from app.workflows.checks.base import BUILT_IN
from tests.workflows.checks.findings import ASK, errors, transform, warnings

NAMES = Names(frozenset({"small", "large"}), frozenset({"tickets"}), frozenset({"triage"}))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({**ASK, "models": ["smal"]}, "steps.s.models.0: no model is called smal; did you mean `small`?"),
        (
            {"kind": "connector", "connector": "ticket"},
            "steps.s.connector: no connector is called ticket; did you mean `tickets`?",
        ),
        ({"kind": "workflow", "workflow": "x"}, "steps.s.workflow: no workflow is called x; there is triage"),
        (
            {**ASK, "models": ["small"], "fusion": {"strategy": "best-of-n", "judge": "big"}},
            "steps.s.fusion: no model is called big; there are large, small",
        ),
        (
            {"kind": "map", "over": "[1]", "step": {**ASK, "models": ["x"]}},
            "steps.s.step.models.0: no model is called x; there are large, small",
        ),
    ],
)
def test_that_what_is_named_must_be_there(step: dict[str, Any], message: str) -> None:
    assert errors({"s": step}, names=NAMES) == [message]
    assert errors({"s": step}) == []  # without names nothing is looked up


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompt": " "}, "steps.s.prompt: is empty"),
        ({"fusion": {"quorum": 3}, "samples": 2}, "steps.s.fusion.quorum: is 3, but there are at most 2 answers"),
        ({"fusion": {"strategy": "vte"}}, "steps.s.fusion: no fusion strategy is called vte; did you mean `vote`?"),
        ({"fusion": {"strategy": "vote", "exat": True}}, "steps.s.fusion: fusion strategy vote: "),
        ({"routing": {"policy": "fixd"}}, "steps.s.routing.0: no routing policy is called fixd; did you mean `fixed`?"),
        ({"routing": [{}, {"policy": "fixed", "x": 1}]}, "steps.s.routing.1: routing policy fixed: "),
        ({"routing": {"policy": "weighted", "weights": {"b": 1}}}, "steps.s.routing: "),
        ({"schema": {"type": "nope"}}, "steps.s.schema: is not a JSON Schema: type: "),
    ],
)
def test_that_an_ask_is_sound(settings: dict[str, Any], message: str) -> None:
    (line,) = errors({"s": {**ASK, **settings}})
    assert line.startswith(message)


def test_that_schemas_of_input_and_output_are_schemas() -> None:
    wrong = {"type": "nope"}
    found = errors({"s": ASK}, input=wrong, output=wrong)
    assert [line.partition(": type")[0] for line in found] == [
        "input: is not a JSON Schema",
        "output: is not a JSON Schema",
    ]


def test_that_times_fit_the_deadline() -> None:
    assert errors({"s": {"kind": "wait", "for": "10m"}}, deadline="5m") == [
        "steps.s.for: ends no sooner than the run, whose deadline is 5m"
    ]
    assert warnings({"s": {**ASK, "timeout": "10m"}}, deadline="5m") == [
        "steps.s.timeout: is longer than the workflow's deadline of 5m, which ends the run first"
    ]
    assert warnings({"s": {"kind": "wait", "signal": "x"}}) == []  # its time-out is the default


def test_that_a_workflow_which_calls_itself_is_warned_of() -> None:
    assert warnings({"s": {"kind": "workflow", "workflow": "w"}}) == [
        "steps.s.workflow: calls itself, and never ends without a condition"
    ]


def test_that_a_query_says_something() -> None:
    assert errors({"s": {"kind": "retrieve", "query": ""}}) == ["steps.s.query: is empty"]


def test_that_names_come_from_the_settings() -> None:
    names = Names.of(Settings())
    assert names.models == frozenset({"local"})
    assert names.connectors == BUILT_IN
    assert frozenset(CONNECTORS) == BUILT_IN
    assert names.workflows is None


@pytest.mark.parametrize(
    "step",
    [
        transform("1"),
        {"kind": "decide", "branches": [{"name": "yes"}]},
        {"kind": "wait", "for": "1s"},
        {"kind": "workflow", "workflow": "other"},
    ],
)
def test_that_only_a_step_which_makes_requests_can_have_a_cache(step: dict[str, Any]) -> None:
    message = f"a {step['kind']} has no answer to cache; leave it out"
    assert errors({"s": {**step, "cache": "1h"}}) == [f"steps.s.cache: {message}"]


def test_that_the_cache_of_a_map_is_that_of_the_step_inside() -> None:
    inside = {"kind": "map", "over": "[1]", "step": {**ASK, "cache": "1h"}}
    assert errors({"s": inside}) == []
    message = "a map has no answer to cache; give it to the step inside"
    assert errors({"s": {**inside, "cache": "1h"}}) == [f"steps.s.cache: {message}"]


@pytest.mark.parametrize(
    "step", [ASK, {"kind": "retrieve", "query": "q"}, {"kind": "connector", "connector": "tickets"}]
)
def test_that_answers_of_models_documents_and_connectors_can_be_cached(step: dict[str, Any]) -> None:
    assert errors({"s": {**step, "cache": "1h"}}) == []


def test_that_a_deadline_that_ends_a_batch_too_soon_is_warned_of() -> None:
    waiting = {**ASK, "batch": True}
    assert warnings({"s": waiting}) == []
    (line,) = warnings({"s": waiting}, deadline="2h")
    assert line.startswith("steps.s.batch: may take 1d, and the workflow's deadline of 2h ends the run first")
    assert warnings({"s": {**waiting, "timeout": "2h"}}, deadline="2h") == []
