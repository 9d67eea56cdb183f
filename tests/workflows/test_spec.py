from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from app.workflows.spec import AskStep, Workflow
from tests.workflows.simulation import workflows

ASK = {"kind": "ask", "models": ["m"], "prompt": "p"}
RETRIEVE = {"kind": "retrieve", "query": "q"}


def _spec(**fields: Any) -> dict[str, Any]:
    return {"id": "w", "steps": {"say": ASK}, "output": "say", **fields}


def test_that_a_small_workflow_has_the_defaults() -> None:
    workflow = Workflow.model_validate(_spec())
    step = workflow.steps["say"]
    assert isinstance(step, AskStep)
    assert (workflow.version, workflow.deadline, workflow.requires) == (1, 120.0, ())
    assert (step.after, step.timeout, step.optional) == ((), 60.0, False)
    assert (step.routing.policy, step.fusion.strategy, step.fusion.quorum) == ("fixed", "first", 1)


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
        ({"steps": {"say": {**ASK, "routing": {"choose": 0}}}}, "steps.say.ask.routing.choose"),
        ({"steps": {"say": {**ASK, "sampling": {"temperature": 9}}}}, "steps.say.ask.sampling.temperature"),
        ({"steps": {"say": ASK, "find": {**RETRIEVE, "limit": 0}}}, "steps.find.retrieve.limit"),
        ({"steps": {"say": {"kind": "ask", "models": ["m"]}}}, "steps.say.ask.prompt"),
    ],
)
def test_that_an_error_names_the_field(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Workflow.model_validate(_spec(**fields))
    assert any(".".join(map(str, error["loc"])).startswith(where) for error in caught.value.errors())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"output": "nothing"}, "output: nothing is not an `ask` step"),
        ({"steps": {"find": RETRIEVE}, "output": "find"}, "output: find is not an `ask` step"),
        ({"steps": {"say": {**ASK, "after": ["gone"]}}}, "steps.say.after: there is no step called gone"),
        ({"steps": {"say": {**ASK, "after": ["say"]}}}, "in a circle: say → say"),
        (
            {"steps": {"say": {**ASK, "after": ["find"]}, "find": {**RETRIEVE, "after": ["say"]}}},
            "wait for each other in a circle",
        ),
    ],
)
def test_that_what_does_not_fit_together_is_said(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Workflow.model_validate(_spec(**fields))


def test_that_a_workflow_cannot_be_changed() -> None:
    workflow = Workflow.model_validate(_spec())
    with pytest.raises(ValidationError, match="frozen"):
        workflow.version = 2  # type: ignore[misc]  # that is what is tested


@given(workflow=workflows())
def test_that_the_order_has_each_step_once_and_after_what_it_waits_for(workflow: Workflow) -> None:
    order = workflow.order()
    assert sorted(order) == sorted(workflow.steps)
    for name, step in workflow.steps.items():
        assert all(order.index(other) < order.index(name) for other in step.after)


@given(workflow=workflows())
def test_that_it_can_be_written_and_read_again(workflow: Workflow) -> None:
    assert Workflow.model_validate_json(workflow.model_dump_json()) == workflow
