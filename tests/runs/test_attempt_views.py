from __future__ import annotations

from dataclasses import replace

import pytest

from app.runs.attempt_views import RequestNumber, build_attempt_views
from app.workflows.run import PendingBatch, Run, StepRun
from tests.cli.runlog import START, Log, answered, moment
from topics import MODEL_REQUESTS, MODEL_RESPONSES
from topics.base import Failure
from topics.model_requests import Message, ModelRequest, Ticket
from topics.model_responses import ModelResponse
from topics.tasks import Task

ASKED = Message(role="user", content="Why?")


@pytest.mark.parametrize(
    ("request_id", "tail"),
    [
        ("t/s/1", RequestNumber(1)),
        ("a/b/s/m/12.3", RequestNumber(12, 3)),
        ("digest~ab", RequestNumber()),
        ("t/s/x.y", RequestNumber()),
        ("t/s/m/2.1~7", RequestNumber(2, 1)),
    ],
)
def test_the_end_of_an_id_says_which_attempt_it_is(request_id: str, tail: RequestNumber) -> None:
    assert RequestNumber.of(request_id) == tail


def test_each_step_has_its_requests_with_their_answers() -> None:
    found = build_attempt_views(answered().history())
    assert {step: [one.work for one in made] for step, made in found.items()} == {
        "retrieve": ["retrieval"],
        "answer": ["model", "model", "model", "model", "model", "fusion"],
        "notes[0]": ["connector", "connector"],
        "notes[1]": ["connector"],
        "child": ["workflow"],
    }
    one, two, *_, repaired, judge = found["answer"]
    assert (one.name, one.tries, one.finish_reason, one.usage.cost, one.text) == ("one", 2, "stop", 0.01, "Because.")
    assert (one.at, one.until, one.seconds) == (moment(0.3), moment(1.3), 1.0)
    assert two.error == Failure(code="timeout", message="no answer [in] time")
    assert (repaired.number, repaired.repair, repaired.cached) == (1, 1, True)
    assert (judge.name, judge.branch) == ("judge", "judge-1")
    assert [one.number for one in found["notes[0]"]] == [1, 2]
    assert found["retrieve"][0].found == 1


def test_a_request_without_an_answer_has_no_end() -> None:
    log = Log()
    log.connector("look", 1.0, None)
    (only,) = build_attempt_views(log.history())["look"]
    assert (only.at, only.until, only.seconds, only.error) == (moment(1.0), None, None, None)


def test_an_answer_out_of_a_batch_is_one_request_however_often_it_was_asked_for() -> None:
    log = Log()
    ticket = {"ticket": Ticket(batch="b", item="i", at=moment(1.0), poll=1.0)}
    for number, told in enumerate((ticket, ticket, {"text": "Yes"})):
        name = "q-1/say/one/1" + (f"~{number}" if number else "")
        asked = ModelRequest(
            id=name, task_id="q-1", step="say", branch="one", model="one", messages=(ASKED,), batch=True
        )
        log.put(MODEL_REQUESTS, asked, number)
        said = ModelResponse(id=name, task_id="q-1", step="say", branch="one", model="one", **told)  # type: ignore[arg-type]  # one of two fields
        log.put(MODEL_RESPONSES, said, number + 0.5)
        (only,) = build_attempt_views(log.history())["say"]
        assert (only.id, only.at, only.batch) == ("q-1/say/one/1", moment(0.0), True)
        assert only.until == (moment(2.5) if number == 2 else None)
    assert only.text == "Yes"


def test_what_will_be_asked_for_later_is_no_child_run() -> None:
    log = Log()
    run = Run(task_id="q-1", task=Task(id="q-1", input={}), digest="", accepted_at=START, deadline=START + 60)
    promised = PendingBatch("one", Ticket(batch="b", item="i", at=moment(1.0), poll=1.0), START + 5)
    name = "q-1/say/one/1~1"
    log.state(
        replace(run, steps={"say": StepRun(status="running", outstanding=frozenset({name}), promised={name: promised})})
    )
    assert build_attempt_views(log.history()) == {}


def test_a_child_run_is_seen_by_its_answer_or_by_the_state_that_awaits_it() -> None:
    log = Log()
    run = Run(task_id="q-1", task=Task(id="q-1", input={}), digest="", accepted_at=START, deadline=START + 60)
    awaiting = StepRun(status="running", outstanding=frozenset({"q-1/child/1", "q-1/other/1"}))
    log.state(replace(run, steps={"child": awaiting}))
    log.answer("q-1/other/1", "child", 5.0, seconds=2.0)
    answer, awaited = build_attempt_views(log.history())["child"]
    assert (answer.work, answer.at, answer.until) == ("workflow", moment(3.0), moment(5.0))
    assert (awaited.work, awaited.name, awaited.until) == ("workflow", "q-1/child/1", None)


def test_the_grant_of_a_slot_is_no_step() -> None:
    log = Log()
    log.answer("q-1/slot", "", 1.0)
    assert build_attempt_views(log.history()) == {}
