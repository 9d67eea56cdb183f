from __future__ import annotations

from dataclasses import replace

from app.workflows.run import Run
from tests.cli.runlog import START, Log, answered, moment
from topics import SIGNALS
from topics.signals import Signal
from topics.tasks import Parent, Task

_RUN = Run(task_id="q-1", task=Task(id="q-1", input={}), digest="", accepted_at=START, deadline=START + 60, version=3)


def test_the_result_says_how_a_run_ended() -> None:
    view = answered().view()
    assert (view.status, view.workflow, view.version, view.waits) == ("succeeded", "ask", 1, "")
    assert (view.accepted_at, view.until) == (moment(0.0), moment(4.0))
    assert view.result is not None
    assert view.usage == view.result.usage


def test_a_task_that_was_only_sent_waits() -> None:
    log = Log()
    log.task(workflow="w", parent=Parent(task_id="p", step="s", request_id="q-1"))
    view = log.view(5.0)
    assert (view.status, view.workflow, view.waits, view.parent) == ("running", "w", "to be accepted", "p")
    assert (view.accepted_at, view.until) == (moment(0.0), moment(5.0))


def test_a_run_says_what_it_waits_for_before_it_begins() -> None:
    waits = []
    for run in (replace(_RUN, version=0), replace(_RUN, slot="asked"), replace(_RUN, slot="held"), _RUN):
        log = Log()
        log.state(run)
        waits.append(log.view().waits)
    assert waits == ["for its workflow ask to be deployed", "for its turn", "", ""]


def test_a_run_under_way_has_a_deadline_and_has_used_what_was_answered() -> None:
    log = Log()
    log.state(_RUN)
    log.model("s", "a", "1", 1.0, 2.0, usage={"input_tokens": 3, "cost": 0.5})
    log.model("s", "a", "2", 3.0, 4.0, usage={"input_tokens": 4, "cost": 0.25})
    view = log.view(7.0)
    assert (view.deadline, view.until) == (moment(60.0), moment(7.0))
    assert (view.usage.input_tokens, view.usage.cost) == (7, 0.75)


def test_signals_are_told() -> None:
    log = Log()
    log.state(_RUN)
    log.put(SIGNALS, Signal(task_id="q-1", name="go", actor="eve"), 2.0)
    (signal,) = log.view().signals
    assert (signal.kind, signal.name, signal.actor, signal.at) == ("signal", "go", "eve", moment(2.0))
