from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.workflows.definition.definitions import Definition
from app.workflows.definition.spec import Workflow
from app.workflows.run import Run, StepRun
from app.workflows.run_result import result
from topics.base import Failure
from topics.model_responses import ModelResponse, Usage
from topics.results import Citation
from topics.retrieval_results import Chunk
from topics.tasks import Task

SPEC = Definition(
    Workflow.model_validate(
        {
            "id": "w",
            "version": 3,
            "steps": {
                "find": {"kind": "retrieve", "query": "q"},
                "more": {"kind": "retrieve", "query": "q"},
                "say": {"kind": "ask", "models": ["a", "b"], "prompt": "p", "fusion": {"strategy": "vote"}},
            },
            "answer": "say",
        }
    )
)
FAILURE = Failure(code="overloaded", message="too busy")


def _chunk(name: str) -> Chunk:
    return Chunk(id=name, document_id=f"doc-{name}", source=f"{name}.md", heading=name, lines=(1, 9), text="text")


def _response(branch: str, error: Failure | None = None) -> ModelResponse:
    usage = Usage() if error else Usage(input_tokens=10, output_tokens=2)
    return ModelResponse(
        id=branch, task_id="t", step="say", branch=branch, model=branch, text="Yes", usage=usage, error=error
    )


def _found(name: str) -> StepRun:
    return StepRun(status="succeeded", started_at=100.0, ends_at=120.0, ended_at=101.5, chunks=(_chunk(name),))


SAID = StepRun(
    status="succeeded",
    started_at=102.0,
    ends_at=160.0,
    ended_at=105.0,
    order=("a", "b"),
    responses=(_response("b"), _response("a")),
    output="Yes",
    branch="a",
    agreement=0.75,
    confidence=0.5,
    groups=(("a", "b"),),
    reason="because",
)


def _run(**steps: StepRun) -> Run:
    task = Task(id="t", workflow="w", input={}, metadata={"k": "v"})
    every = {"find": _found("x"), "more": _found("y"), "say": SAID, **steps}
    return Run("t", task, "d", accepted_at=100.0, deadline=200.0, version=3, steps=every)


def test_that_a_success_says_what_how_and_where_from() -> None:
    made = result(_run(), SPEC, None, 105.0)
    assert (made.status, made.answer, made.agreement, made.reason) == ("succeeded", "Yes", 0.75, "because")
    assert (made.confidence, made.groups) == (0.5, (("a", "b"),))
    assert (made.task_id, made.workflow, made.workflow_version, made.fusion) == ("t", "w", 3, "vote")
    assert [(candidate.branch, candidate.chosen) for candidate in made.candidates] == [("b", False), ("a", True)]
    assert made.usage == Usage(input_tokens=20, output_tokens=4)
    assert (made.accepted_at, made.finished_at) == (_time(100.0), _time(105.0))
    assert (made.metadata, made.error, made.degraded) == ({"k": "v"}, None, False)


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def test_that_citations_are_numbered_through_all_steps() -> None:
    assert result(_run(), SPEC, None, 105.0).citations == (
        Citation(number=1, document_id="doc-x", source="x.md", heading="x", lines=(1, 9)),
        Citation(number=2, document_id="doc-y", source="y.md", heading="y", lines=(1, 9)),
    )


def test_that_a_failure_has_neither_answer_nor_citations_but_all_that_was_said() -> None:
    made = result(_run(), SPEC, FAILURE, 105.0)
    assert (made.status, made.answer, made.agreement, made.reason, made.citations) == ("failed", None, None, "", ())
    assert made.error == FAILURE
    assert len(made.candidates) == 2


def test_that_a_run_without_a_workflow_has_a_result_too() -> None:
    made = result(replace(_run(), steps={}), None, FAILURE, 100.0)
    assert (made.status, made.steps, made.candidates, made.fusion, made.usage) == ("failed", (), (), "", Usage())


def test_that_each_step_says_its_kind_status_and_time() -> None:
    steps = result(_run(more=StepRun(), say=replace(SAID, status="running", ended_at=0.0)), SPEC, None, 110.0).steps
    assert [(step.step, step.kind, step.status, step.seconds) for step in steps] == [
        ("find", "retrieve", "succeeded", 1.5),
        ("more", "retrieve", "skipped", 0.0),
        ("say", "ask", "skipped", 8.0),  # under way until now
    ]


@pytest.mark.parametrize(
    ("steps", "degraded"),
    [
        ({}, False),
        ({"more": StepRun(status="failed", error=FAILURE)}, True),
        ({"more": StepRun()}, False),
        ({"say": replace(SAID, responses=(_response("a"), _response("b", FAILURE)))}, True),
        ({"say": replace(SAID, degraded=True)}, True),
        ({"say": replace(SAID, unawaited=frozenset({"c"}))}, False),  # certain before its time was over
    ],
)
def test_that_degraded_means_that_something_asked_for_is_missing(steps: dict[str, StepRun], degraded: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert result(_run(**steps), SPEC, None, 170.0).degraded is degraded
