from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import AskStep
from tests.workflows.simulation import workflows

ASK = {"kind": "ask", "models": ["m"], "prompt": "p"}
RETRIEVE = {"kind": "retrieve", "query": "q"}
DECIDE = {"kind": "decide", "branches": [{"name": "on", "steps": ["gone"]}]}
MAP = {"kind": "map", "over": "[1]", "step": ASK}


def _spec(**fields: Any) -> dict[str, Any]:
    return {"id": "w", "steps": {"say": ASK}, **fields}


def test_that_a_small_workflow_has_the_defaults() -> None:
    workflow = Workflow.model_validate(_spec())
    step = workflow.steps["say"]
    assert isinstance(step, AskStep)
    assert (workflow.version, workflow.deadline, workflow.input, workflow.answer) == (1, 120.0, {}, None)
    assert (step.after, step.timeout, step.optional) == ((), 60.0, False)
    assert ([stage.policy for stage in step.routing], step.fusion.strategy, step.fusion.quorum) == (
        ["fixed"],
        "first",
        1,
    )


def test_that_durations_can_be_written_for_people() -> None:
    workflow = Workflow.model_validate(_spec(deadline="2m", steps={"say": {**ASK, "timeout": "250ms"}}))
    assert (workflow.deadline, workflow.steps["say"].timeout) == (120.0, 0.25)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"id": "Has Spaces"}, "id"),
        ({"version": 0}, "version"),
        ({"deadline": "soon"}, "deadline"),
        ({"deadline": 0}, "deadline"),
        ({"stepz": {}}, "stepz"),
        ({"steps": {}}, "steps"),
        ({"steps": {"Bad-Name": ASK}}, "steps.Bad-Name"),
        ({"steps": {"say": {"kind": "dance"}}}, "steps.say"),
        ({"steps": {"say": {**ASK, "models": []}}}, "steps.say.ask.models"),
        ({"steps": {"say": {**ASK, "models": ["m", "n", "m"]}}}, "steps.say.ask.models"),
        ({"steps": {"say": {**ASK, "promt": "p"}}}, "steps.say.ask.promt"),
        ({"steps": {"say": {**ASK, "fusion": {"quorum": 0}}}}, "steps.say.ask.fusion.quorum"),
        ({"steps": {"say": {**ASK, "routing": {"choose": 0}}}}, "steps.say.ask.routing.0.choose"),
        ({"steps": {"say": {**ASK, "sampling": {"temperature": 9}}}}, "steps.say.ask.sampling.temperature"),
        ({"steps": {"say": ASK, "find": {**RETRIEVE, "limit": 0}}}, "steps.find.retrieve.limit"),
        ({"steps": {"say": {"kind": "ask", "models": ["m"]}}}, "steps.say.ask"),
    ],
)
def test_that_an_error_names_the_field(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Workflow.model_validate(_spec(**fields))
    assert any(".".join(map(str, error["loc"])).startswith(where) for error in caught.value.errors())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"answer": "nothing"}, "answer: there is no step called nothing"),
        ({"steps": {"say": {**ASK, "after": ["gone"]}}}, "steps.say: there is no step called gone"),
        ({"steps": {"say": {**ASK, "fallback": {"step": "gone"}}}}, "steps.say: there is no step called gone"),
        ({"steps": {"way": DECIDE}}, "steps.way: there is no step called gone"),
        ({"steps": {"say": {**ASK, "fallback": {}}}}, "give either a step or a value"),
        ({"steps": {"say": {**ASK, "fallback": {"step": "say", "value": 1}}}}, "give either a step or a value"),
        ({"steps": {"way": {**DECIDE, "branches": [{"name": "a"}, {"name": "b"}]}}}, "only the last branch"),
        ({"steps": {"way": {**DECIDE, "branches": [{"name": "a", "when": "true"}, {"name": "a"}]}}}, "the same name"),
        ({"steps": {"w": {"kind": "wait"}}}, "give one of `for`, `until` and `signal`"),
        ({"steps": {"w": {"kind": "wait", "for": 1, "signal": "x"}}}, "give one of `for`, `until` and `signal`"),
        ({"steps": {"w": {"kind": "wait", "for": 9, "timeout": 8}}}, "`for` must be shorter than `timeout`"),
        ({"steps": {"m": {**MAP, "retry": {"attempts": 2}}}}, "give `retry` to the step inside it"),
        ({"steps": {"m": {**MAP, "step": {**ASK, "after": ["m"]}}}}, "inside a map cannot have `after`"),
        (
            {"steps": {"r": {**RETRIEVE, "cache": {"for": 1, "similar": 0.9}}}},
            "only steps that ask models",
        ),
        ({"steps": {"r": {**RETRIEVE, "cache": {"similar": 0.9}}}}, "for"),
    ],
)
def test_that_what_does_not_fit_together_is_said(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Workflow.model_validate(_spec(**fields))


def test_that_a_workflow_cannot_be_changed() -> None:
    workflow = Workflow.model_validate(_spec())
    with pytest.raises(ValidationError, match="frozen"):
        workflow.version = 2  # type: ignore[misc]  # that is what is tested


def test_that_further_keys_of_a_component_are_its_options() -> None:
    steps = {"say": {**ASK, "routing": {"policy": "weighted", "weights": {"m": 1}}, "fusion": {"judge": "x"}}}
    step = Workflow.model_validate(_spec(steps=steps)).steps["say"]
    assert isinstance(step, AskStep)
    assert (step.routing[0].options, step.fusion.options) == ({"weights": {"m": 1}}, {"judge": "x"})


@given(workflow=workflows())
def test_that_it_can_be_written_and_read_again(workflow: Workflow) -> None:
    written = workflow.model_dump_json(by_alias=True, exclude_none=True)
    assert Workflow.model_validate_json(written) == workflow


_DAY = 86400.0
_WAITING = {**ASK, "batch": True}


@pytest.mark.parametrize(
    ("steps", "deadline"),
    [
        ({"say": ASK}, 120.0),
        ({"say": _WAITING}, 120.0 + _DAY),
        ({"say": {**_WAITING, "timeout": "2h"}}, 120.0 + 7200),
        ({"say": {**_WAITING, "retry": {"attempts": 2}}, "now": ASK}, 120.0 + 2 * _DAY),
        ({"all": {"kind": "map", "over": "[1]", "step": _WAITING}, "say": _WAITING}, 120.0 + 2 * _DAY),
        ({"all": {"kind": "map", "over": "[1]", "step": _WAITING, "timeout": "1h"}}, 120.0 + 3600),
        ({"all": {"kind": "map", "over": "[1]", "step": ASK}}, 120.0),
    ],
)
def test_that_a_run_has_the_time_that_its_batches_may_take(steps: dict[str, Any], deadline: float) -> None:
    assert Workflow.model_validate({"id": "w", "steps": steps}).deadline == deadline
    assert Workflow.model_validate({"id": "w", "steps": steps, "deadline": "1h"}).deadline == 3600


def test_that_what_may_wait_has_a_day_unless_it_says_otherwise() -> None:
    several = {"kind": "map", "over": "[1]", "step": {**_WAITING, "timeout": "3h", "retry": {"attempts": 2}}}
    steps = Workflow.model_validate({"id": "w", "steps": {"a": ASK, "b": _WAITING, "c": several}}).steps
    assert [step.timeout for step in steps.values()] == [60.0, _DAY, 6 * 3600]
