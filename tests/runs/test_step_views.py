from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.runs.views import StepView
from app.workflows.run import Run, StepRun
from tests.cli.runlog import START, Log, answered, moment, report
from topics import DEFINITIONS
from topics.base import Failure
from topics.definitions import DefinitionEvent
from topics.tasks import Task


def _running(steps: Mapping[str, StepRun], spec: Mapping[str, Any] | None = None) -> Log:
    log = Log()
    log.state(Run("q-1", Task(id="q-1", input={}), "", START, START + 900, version=1, steps=steps))
    if spec is not None:
        definition = {"id": "ask", "steps": dict(spec)}
        event = DefinitionEvent(kind="version", workflow="ask", version=1, spec=definition, at=moment(0.0))
        log.raw(DEFINITIONS.name, b"ask/1", event.to_json(), 0.0)
    return log


def _by_name(log: Log) -> dict[str, StepView]:
    return {step.name: step for step in log.view().steps}


def test_steps_stand_in_order_of_their_start_with_items_behind_their_map() -> None:
    names = [step.name for step in answered().view().steps]
    assert names == ["retrieve", "route", "answer", "notes", "notes[0]", "notes[1]", "child", "never"]


def test_items_are_in_order_of_their_number() -> None:
    log = Log()
    for number in (11, 2, 1):
        log.connector(f"each[{number}]", 5.0 - number / 10, 6.0)
    log.result(7.0, [report("last", "transform", 6.5, 0.1), report("each", "map", 3.0, 3.0)])
    assert [step.name for step in log.view().steps] == ["each", "each[1]", "each[2]", "each[11]", "last"]


def test_a_result_without_the_starts_of_steps_keeps_their_order() -> None:
    log = Log()
    log.retrieval(1.0, 2.0)
    log.result(5.0, [report("retrieve", "retrieve", None, 1.1), report("b", "transform", None, 0.0)])
    first, second = log.view().steps
    assert (first.name, first.started_at, first.seconds) == ("retrieve", moment(1.0), 1.1)
    assert (second.name, second.started_at, second.ended_at) == ("b", None, None)


def test_the_state_tells_of_a_step_that_is_over() -> None:
    failure = Failure(code="connector", message="down")
    over = StepRun("failed", attempt=2, started_at=START + 1, ended_at=START + 3, reason="why", error=failure)
    step = _by_name(_running({"s": over}))["s"]
    assert (step.status, step.number, step.seconds, step.reason, step.error) == ("failed", 2, 2.0, "why", failure)


def test_a_waiting_step_says_for_which_signal_and_until_when() -> None:
    waiting = StepRun("running", started_at=START, wake_at=START + 60, ends_at=START + 60)
    spec = {"s": {"kind": "wait", "signal": "approval"}}
    assert _by_name(_running({"s": waiting}, spec))["s"].waits == "for the signal approval until 2026-01-15T08:01:00Z"
    assert _by_name(_running({"s": waiting}))["s"].waits == "until 2026-01-15T08:01:00Z"


def test_a_step_that_backs_off_says_when_it_is_tried_again() -> None:
    backing = StepRun("backing_off", attempt=2, started_at=START, wake_at=START + 5)
    step = _by_name(_running({"s": backing}))["s"]
    assert step.waits == "to be tried again at 2026-01-15T08:00:05Z"


def test_a_map_that_runs_waits_for_its_items_alone() -> None:
    items = {
        "m": StepRun("running", started_at=START, wake_at=START + 9, ends_at=START + 9),
        "m[]": StepRun("succeeded"),
    }
    steps = _by_name(_running(items, {"m": {"kind": "map", "step": {"kind": "ask"}}}))
    assert (list(steps), steps["m"].waits, steps["m"].kind) == (["m"], "", "map")


def test_the_kind_is_known_from_the_workflow_or_from_the_requests() -> None:
    log = _running({"w": StepRun("running")}, {"w": {"kind": "wait"}, "m": {"kind": "map", "step": {"kind": "ask"}}})
    log.connector("m[0]", 1.0, None)
    log.connector("c", 1.0, None)
    log.connector("a", 1.0, 1.1)
    log.model("a", "one", "1", 1.2)
    log.retrieval(1.0, None, "r")
    kinds = {name: step.kind for name, step in _by_name(log).items()}
    assert kinds == {"w": "wait", "m[0]": "ask", "c": "connector", "a": "ask", "r": "retrieve"}


def test_an_item_is_judged_by_the_requests_of_its_last_attempt() -> None:
    steps = _by_name(answered())
    assert (steps["notes[0]"].status, steps["notes[0]"].number, steps["notes[0]"].error) == ("succeeded", 2, None)
    log = Log()
    log.task()
    error = Failure(code="connector", message="down")
    log.connector("m[0]", 1.0, 2.0, error=error)
    log.connector("m[1]", 1.0, None)
    assert {name: step.status for name, step in _by_name(log).items()} == {"m[0]": "failed", "m[1]": "running"}
    log.result(3.0)
    assert _by_name(log)["m[1]"].status == "unfinished"
    assert _by_name(log)["m[0]"].error == error
