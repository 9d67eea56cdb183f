from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli.runs.flowchart import run_flowchart
from app.cli.runs.waterfall import lines
from app.runs.history_reader import collect
from app.workflows.run import Run, StepRun
from tests.cli.runlog import SETTINGS, START, Log, answered, moment
from tests.topics.samples import events
from topics import (
    DEFINITIONS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    SIGNALS,
    STEP_REQUESTS,
    STEP_RESULTS,
    TASKS,
)
from topics.base import Topic
from topics.definitions import DefinitionEvent
from topics.signals import Signal
from topics.tasks import Task

_OF_RUNS: tuple[Topic[Any], ...] = (
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    STEP_REQUESTS,
    STEP_RESULTS,
    SIGNALS,
    RESULTS,
)
_TASK = Task(id="q-1", input={})
_RUN = Run(task_id="q-1", task=_TASK, digest="d", accepted_at=START, deadline=START + 60, version=2)


def test_a_run_is_picked_out_of_all_that_is_in_its_partition() -> None:
    log, other = answered(), answered()
    other.task_id = "q-2"
    other.records = [_of(record, b"q-2") for record in other.records]
    log.records = [record for pair in zip(other.records, log.records, strict=True) for record in pair]
    history = log.history()
    assert history.task is not None
    assert len(history.requests) == 10
    assert len(history.answers) == 11
    assert {one.event.task_id for one in history.requests.values()} == {"q-1"}
    assert {one.event.task_id for one in history.answers.values()} == {"q-1"}
    assert history.result is not None
    assert history.result.event.task_id == "q-1"


def _of(record: Any, key: bytes) -> Any:
    changed = dict(vars(record), key=key, value=record.value.replace(b"q-1", key))
    return type(record)(**changed)


def test_nothing_is_known_of_another_id() -> None:
    assert not collect("q-3", answered().records, SETTINGS).known


def test_what_is_not_an_event_is_skipped() -> None:
    log = Log()
    log.raw(RESULTS.name, b"q-1", b"\xff", 1.0)
    log.raw(TASKS.name, b"q-1", None, 1.0)
    assert not log.history().known


def test_a_task_is_known_by_its_key_or_its_place_and_a_signal_by_what_it_says() -> None:
    log = Log()
    log.raw(TASKS.name, b"q-1", Task(input={}).to_json(), 0.0)
    log.raw(SIGNALS.name, None, Signal(task_id="q-1", name="go").to_json(), 1.0)
    log.raw(TASKS.name, None, Task(input={}).to_json(), 0.0)
    assert log.history().task is not None
    assert [one.event.name for one in log.history().signals] == ["go"]
    assert collect("tasks-3-2", log.records, SETTINGS).known
    log.raw(TASKS.name, b"a\tb", Task(input={}).to_json(), 0.0)  # no id, as the orchestrator reads it
    assert collect("tasks-3-3", log.records, SETTINGS).known
    assert not collect("a\tb", log.records, SETTINGS).known


def test_a_repetition_says_nothing_new() -> None:
    log = Log()
    log.retrieval(1.0, 2.0)
    log.retrieval(5.0, 6.0)
    history = log.history()
    assert [one.at for one in history.requests.values()] == [START + 1.0]
    assert [one.at for one in history.answers.values()] == [START + 2.0]


def test_the_state_of_a_run_under_way_is_put_together() -> None:
    run = replace(_RUN, steps={"wait": StepRun(status="running", started_at=START, ends_at=START + 9)})
    log = Log()
    log.state(run)
    found = log.history().run
    assert found is not None
    assert found.steps == run.steps


def test_a_result_ends_the_state_that_was_written_before_it() -> None:
    log = Log()
    log.state(_RUN)
    log.result(3.0)
    history = log.history()
    assert history.run is None
    assert history.result is not None


def test_what_an_older_run_of_the_same_id_left_is_none_of_its_own() -> None:
    log = answered()
    log.records = [type(record)(**dict(vars(record), timestamp=record.timestamp - 10**8)) for record in log.records]
    log.state(_RUN)
    log.retrieval(1.0, None)
    history = log.history()
    assert history.result is None
    assert history.run is not None
    assert list(history.requests) == ["q-1/retrieve/1"]
    assert not history.answers


def test_the_workflow_is_that_of_the_runs_version() -> None:
    log = Log()
    for version in (1, 2, 3):
        spec = {"id": "ask", "version": version}
        event = DefinitionEvent(kind="version", workflow="ask", version=version, spec=spec, at=moment(0.0))
        log.raw(DEFINITIONS.name, f"ask/{version}".encode(), event.to_json(), 0.0)
    log.state(_RUN)
    assert log.history().spec == {"id": "ask", "version": 2}


@given(st.lists(st.sampled_from(_OF_RUNS).flatmap(lambda one: st.tuples(st.just(one), events(one))), max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_events_make_a_story(some: list[tuple[Topic[Any], Any]]) -> None:
    log = Log()
    log.task()
    for topic, event in some:
        log.put(topic, event.model_copy(update={"task_id": "q-1"}), 1.0)
    view = log.view()
    assert view.model_validate_json(view.model_dump_json()) == view
    assert run_flowchart(view).startswith("flowchart LR\n")
    assert [text for text, _ in lines(view)]
