from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.cli.runs.listing import RunRow, rows
from app.workflows.run import Run, StepRun
from tests.cli.runlog import SETTINGS, START, Log, moment
from topics import RESULTS, TASKS
from topics.base import Failure
from topics.model_responses import ModelResponse, Usage
from topics.tasks import Parent, Task

_RUN = Run("w-1", Task(id="w-1", workflow="w", input={}), "", START + 5, START + 900, version=2)


def _rows(*logs: Log) -> dict[str, RunRow]:
    found = rows([record for log in logs for record in log.records], SETTINGS)
    assert [row.accepted_at for row in found] == sorted((row.accepted_at for row in found), reverse=True)
    return {row.id: row for row in found}


def _log(task_id: str, at: float = 0.0, **fields: Any) -> Log:
    log = Log(task_id)
    log.task(at, **fields)
    return log


def test_a_run_that_ended_has_the_facts_of_its_result() -> None:
    log = _log("a")
    error = Failure(code="timeout", message="no")
    log.result(2.5, status="failed", error=error, usage=Usage(input_tokens=3, output_tokens=4, cost=0.5))
    assert _rows(log)["a"] == RunRow(
        id="a",
        workflow="ask",
        version=1,
        status="failed",
        accepted_at=moment(0.0),
        seconds=2.5,
        tokens=7,
        cost=0.5,
        error="timeout",
    )


def test_a_task_without_a_result_is_running() -> None:
    found = _rows(_log("a", 3.0, workflow="w"), _log("b", 4.0))
    assert list(found) == ["b", "a"]
    assert found["a"] == RunRow(id="a", workflow="w", accepted_at=moment(3.0))


def test_a_run_has_the_version_that_its_task_asks_for_until_it_has_one() -> None:
    waiting = _log("a", version=9)
    assert _rows(waiting)["a"].version == 9
    waiting.state(replace(_RUN, task_id="a", task=Task(id="a", workflow="w", version=9, input={}), version=0))
    assert _rows(waiting)["a"].version == 9


def test_a_run_under_way_says_at_which_steps_it_is() -> None:
    log = _log("w-1")
    said = ModelResponse(id="x", task_id="w-1", step="s", branch="m", model="m", usage=Usage(input_tokens=9, cost=0.25))
    steps = {"s": StepRun("running", responses=(said,), wake_at=START + 9), "t": StepRun("succeeded")}
    log.state(replace(_RUN, steps=steps, active={"s": START + 9}))
    row = _rows(log)["w-1"]
    assert (row.workflow, row.version, row.status, row.at) == ("w", 2, "running", "s")
    assert (row.accepted_at, row.tokens, row.cost) == (moment(5.0), 9, 0.25)


def test_a_child_names_its_parent_under_way_and_afterwards() -> None:
    parent = Parent(task_id="p", step="s", request_id="p/s/workflow/1")
    log = _log("a", parent=parent)
    assert _rows(log)["a"].parent == "p"
    log.result(7.0)
    assert (_rows(log)["a"].parent, _rows(log)["a"].status) == ("p", "succeeded")
    other = Log("w-1")
    other.state(replace(_RUN, task=Task(id="w-1", input={}, parent=parent)))
    assert _rows(other)["w-1"].parent == "p"


def test_a_run_that_waits_for_a_slot_says_so() -> None:
    log = _log("w-1")
    log.state(replace(_RUN, slot="asked"))
    assert _rows(log)["w-1"].at == "its turn"


def test_the_state_that_a_result_has_overtaken_does_not_count() -> None:
    log = Log("w-1")
    log.state(_RUN)
    log.result(7.0, accepted_at=moment(5.0))
    assert _rows(log)["w-1"].status == "succeeded"


def test_a_run_that_began_after_the_result_of_an_older_one_is_running() -> None:
    log = Log("w-1")
    log.result(4.0)
    log.state(_RUN)
    assert _rows(log)["w-1"].status == "running"


def test_what_is_not_an_event_is_skipped() -> None:
    log = Log("a")
    log.raw(TASKS.name, b"a", b"\xff", 0.0)
    log.raw(RESULTS.name, b"a", None, 0.0)
    log.raw("meta-ai-runs", b"\xff", b"{", 0.0)
    assert _rows(log) == {}
