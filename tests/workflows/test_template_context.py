from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.expressions.expression import Expression
from app.workflows.run import Run, StepRun
from app.workflows.template_context import Steps, context, index_of, item_of, items_of
from app.workflows.templates.prompts import Prompt
from topics.base import Failure
from topics.retrieval_results import Chunk
from topics.tasks import Task

TASK = Task(id="t", workflow="w", input={"question": "why?"}, metadata={"team": "a"})
CHUNK = Chunk(id="c", document_id="d", source="d.md", lines=(1, 2), text="Because.")
BUSY = Failure(code="overloaded", message="too busy")


def shown(steps: Mapping[str, StepRun], name: str = "") -> Mapping[str, Any]:
    run = Run("t", TASK, "digest", 1.0, 9.0, version=3, steps=steps)
    return context(run, steps, name)


def test_that_the_task_is_shown() -> None:
    seen = shown({})
    assert seen["input"] == {"question": "why?"}
    assert seen["metadata"] == {"team": "a"}
    assert seen["task"] == {"id": "t", "workflow": "w", "version": 3}
    assert seen.keys() == {"input", "metadata", "task", "steps"}


def test_that_a_step_shows_how_it_ended() -> None:
    step = shown({"say": StepRun(status="succeeded", output="Yes", reason="2 of 3")})["steps"]["say"]
    assert step == {
        "status": "succeeded",
        "output": "Yes",
        "answer": "Yes",
        "chunks": (),
        "reason": "2 of 3",
        "failed": False,
        "tool_calls": [],
        "error": None,
    }


def test_that_the_output_of_a_retrieval_are_its_chunks() -> None:
    found = shown({"find": StepRun(status="succeeded", chunks=(CHUNK,))})["steps"]["find"]
    assert (found["output"], found["chunks"], found["answer"]) == ((CHUNK,), (CHUNK,), None)


@pytest.mark.parametrize("status", ["failed", "falling_back"])
def test_that_a_step_that_something_stands_in_for_is_seen_as_failed(status: Any) -> None:
    seen = shown({"say": StepRun(status=status, error=BUSY)})["steps"]["say"]
    assert (seen["status"], seen["failed"]) == ("failed", True)
    assert seen["error"] == {"code": "overloaded", "message": "too busy"}


def test_that_a_step_that_has_not_begun_can_be_named() -> None:
    assert shown({})["steps"]["say"]["status"] == "waiting"


def test_that_no_method_hides_a_steps_name() -> None:
    steps = {name: StepRun(status="succeeded", output=name) for name in ("items", "keys", "get", "values")}
    seen = shown(steps)
    for name in steps:
        assert Prompt(f"{{{{ steps.{name}.output }}}}", where="w").render(seen) == name
        assert Expression(f"steps.{name}.output", where="w").evaluate(seen) == name


def test_that_the_items_of_a_map_are_no_steps_of_their_own() -> None:
    steps = Steps({"m": StepRun(), "m[]": StepRun(), "m[0]": StepRun(), "n": StepRun()})
    assert (list(steps), len(steps)) == (["m", "n"], 2)
    assert "m" in steps


def test_that_item_and_index_are_there_inside_of_a_map_only() -> None:
    steps = {"m": StepRun(status="running"), "m[]": StepRun(output=["a", "b", "c"])}
    assert {name: shown(steps, "m[1]")[name] for name in ("item", "index")} == {"item": "b", "index": 1}
    assert "item" not in shown(steps, "m")


@pytest.mark.parametrize("index", [0, 7, 1234])
def test_that_the_name_of_an_item_tells_its_place(index: int) -> None:
    name = item_of("parts", index)
    assert name.startswith("parts[")
    assert index_of(name) == index
    assert name != items_of("parts")


def test_that_a_steps_name_and_its_fields_are_data_whatever_their_name() -> None:
    steps = {name: StepRun("succeeded", output=name) for name in ("items", "keys", "get")}
    found = Prompt("{{ steps.items.output }} {{ steps['keys'].output }} {{ steps.get.output }}", where="w")
    assert found.render({"steps": Steps(steps)}) == "items keys get"
