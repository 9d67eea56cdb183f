from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.workflows.engine import Tick
from app.workflows.kinds.batch_polling import next_poll_id
from app.workflows.records import records
from app.workflows.run import Done, Run, StepRun, stop_waiting
from tests.workflows.kinds.run_helpers import answer_next, asked, asking, begun, later, outcome
from tests.workflows.simulation import START, Life, answer, ticket
from topics.model_requests import ModelRequest


def _begun(*models: str, **fields: Any) -> Life:
    return begun({"say": asking(*models, batch=True, **{"timeout": 90.0, **fields})})


def _promise(life: Life, poll: float = 10.0) -> ModelRequest:
    """Answer the oldest open request by a ticket."""
    request = life.open.pop(0)
    assert isinstance(request, ModelRequest)
    life.give(ticket(request, poll))
    return request


def _step(life: Life) -> StepRun:
    assert isinstance(life.state, Run)
    return life.state.steps["say"]


def test_that_requests_say_that_they_may_wait() -> None:
    (request,) = _begun().open
    assert isinstance(request, ModelRequest)
    assert (request.batch, request.ticket) == (True, None)
    (plain,) = begun({"say": asking()}).open
    assert isinstance(plain, ModelRequest)
    assert not plain.batch


def test_that_an_answer_is_asked_for_with_its_ticket_when_it_is_time() -> None:
    life = _begun()
    first = _promise(life)
    assert life.state
    assert life.state.wake_at == START + 10
    later(life, 9.9)
    assert asked(life) == []
    later(life, 0.1)
    (request,) = life.open
    assert isinstance(request, ModelRequest)
    assert request.id == "t/say/alpha/1~1"
    assert request.ticket
    assert (request.ticket.item, request.messages, request.batch) == (first.id, first.messages, True)
    assert request.expires_at == first.expires_at
    assert life.state.wake_at == START + 90
    answer_next(life, "Yes")
    assert outcome(life).answer == "Yes"


def test_that_an_answer_that_is_still_pending_is_asked_for_again() -> None:
    life = _begun()
    for number in range(1, 5):
        _promise(life)
        later(life, 10.0)
        assert asked(life) == [f"t/say/alpha/1~{number}"]
    answer_next(life, "Yes")
    assert [one.usage.output_tokens for one in outcome(life).candidates] == [1]


def test_that_a_repeated_ticket_changes_nothing() -> None:
    life = _begun()
    request = _promise(life)
    state = life.state
    life.now += 3
    assert life.give(ticket(request)) == []
    assert life.state is state


def test_that_a_late_ticket_of_an_earlier_question_changes_nothing() -> None:
    life = _begun("alpha", "beta", fusion={"strategy": "vote"})
    request = _promise(life)
    later(life, 10.0)
    life.give(answer(life.open.pop(), "Yes"))
    state = life.state
    assert life.give(ticket(request)) == []
    assert life.state is state


def test_that_an_error_in_a_batch_fails_the_branch_and_the_next_model_is_asked() -> None:
    life = _begun("alpha", "beta", routing={"policy": "fixed", "choose": 1})
    _promise(life)
    later(life, 10.0)
    answer_next(life, error="batch_expired")
    assert asked(life) == ["t/say/beta/1"]


@pytest.mark.parametrize("code", ["batch_expired", "batch_failed"])
def test_that_a_batch_that_came_to_nothing_is_tried_again(code: str) -> None:
    life = _begun(retry={"attempts": 2, "backoff": 1.0})
    _promise(life)
    later(life, 10.0)
    answer_next(life, error=code)
    later(life, 1.0)
    assert asked(life) == ["t/say/alpha/2"]
    assert _step(life).promised == {}


def test_that_a_repair_may_wait_too() -> None:
    schema = {"type": "object", "required": ["kind"]}
    life = _begun(schema=schema)
    _promise(life)
    later(life, 10.0)
    answer_next(life, "no JSON")
    assert asked(life) == ["t/say/alpha/1.1"]
    _promise(life)
    later(life, 10.0)
    assert asked(life) == ["t/say/alpha/1.1~1"]
    answer_next(life, '{"kind": "refund"}')
    assert outcome(life).answer == {"kind": "refund"}


def test_that_the_time_out_bounds_the_whole_wait() -> None:
    life = _begun(timeout=25.0)
    for _ in range(2):
        _promise(life)
        later(life, 10.0)
    _promise(life)
    assert life.state
    assert life.state.wake_at == START + 25
    later(life, 5.0)
    result = outcome(life)
    assert result.error
    assert result.error.code == "deadline_exceeded"


def test_that_a_time_out_fuses_what_is_there_and_asks_for_no_more() -> None:
    life = _begun("alpha", "beta", fusion={"strategy": "consensus"}, timeout=20.0)
    answer_next(life, "Yes")
    _promise(life, poll=20.0)
    later(life, 20.0)
    assert (outcome(life).answer, outcome(life).degraded, life.open) == ("Yes", True, [])


def test_that_what_is_certain_is_not_waited_for() -> None:
    life = _begun("alpha", "beta", "delta", fusion={"strategy": "vote"})
    _promise(life)
    answer_next(life, "Yes")
    answer_next(life, "Yes")
    assert outcome(life).answer == "Yes"


def test_that_the_calls_of_a_fusion_do_not_wait() -> None:
    life = _begun("alpha", "beta", fusion={"strategy": "best-of-n", "judge": "delta"})
    for _ in range(2):
        _promise(life)
    later(life, 10.0)
    answer_next(life, "Yes")
    answer_next(life, "No")
    assert life.open
    assert all(isinstance(one, ModelRequest) and not one.batch for one in life.open)


def test_that_a_step_that_waits_no_more_forgets_its_tickets_and_is_not_woken_for_them() -> None:
    life = _begun("alpha")
    _promise(life)
    step = stop_waiting(_step(life))
    assert (step.promised, step.outstanding, step.wake_at) == ({}, frozenset(), START + 90)
    assert step.unawaited == frozenset()  # what was not sent is not answered


def test_that_a_ticket_is_small_in_the_state_and_survives_it() -> None:
    life = _begun()
    _promise(life)
    written = dict(records("t", life.state, None))
    assert len(written["t\tsay"] or b"") < 600
    life.restart()
    later(life, 10.0)
    assert asked(life) == ["t/say/alpha/1~1"]


def test_that_items_of_a_map_may_wait() -> None:
    step = asking(batch=True, timeout=60.0)
    life = begun({"all": {"kind": "map", "over": "[1, 2]", "step": step, "timeout": 60.0}})
    for _ in range(2):
        _promise(life)
    later(life, 10.0)
    assert asked(life) == ["t/all[0]/alpha/1~1", "t/all[1]/alpha/1~1"]
    answer_next(life, "a")
    answer_next(life, "b")
    assert outcome(life).answer == ["a", "b"]


def test_that_ids_go_on_whatever_is_in_the_ids_of_tasks() -> None:
    assert next_poll_id("a~1/say/m/1") == "a~1/say/m/1~1"
    assert next_poll_id("a~1/say/m/1~9") == "a~1/say/m/1~10"
    assert next_poll_id("t/say/m/1.2") == "t/say/m/1.2~1"


POLLS = st.sampled_from([0.0, 1.0, 5.0])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_that_whatever_waits_repeats_or_restarts_the_answer_is_that_of_calls_made_at_once(data: st.DataObject) -> None:
    """Each model has its tickets, some are given twice or late, and the worker dies in between."""
    texts = {"alpha": "Yes", "beta": "No", "delta": "Yes"}
    life = _begun(*texts, fusion={"strategy": "vote", "quorum": 3}, timeout=90.0)
    given: list[Any] = []
    for _ in range(200):
        if isinstance(life.state, Done):
            break
        match data.draw(st.sampled_from(["answer", "ticket", "repeat", "restart", "wake"])):
            case "answer" if life.open:
                request = life.open.pop(data.draw(st.integers(0, len(life.open) - 1)))
                assert isinstance(request, ModelRequest)
                given.append(answer(request, texts[request.model]))
                life.give(given[-1])
            case "ticket" if life.open:
                request = life.open.pop(data.draw(st.integers(0, len(life.open) - 1)))
                assert isinstance(request, ModelRequest)
                given.append(ticket(request, data.draw(POLLS)))
                life.give(given[-1])
            case "repeat" if given:
                life.give(data.draw(st.sampled_from(given)))
            case "restart":
                life.restart()
            case _ if isinstance(life.state, Run) and not life.open and life.state.wake_at < START + 90:
                life.now = max(life.now, life.state.wake_at)
                life.give(Tick())
    if isinstance(life.state, Done) and life.now < START + 90:
        assert (outcome(life).answer, outcome(life).degraded) == ("Yes", False)
        assert all(one.usage.output_tokens == 1 for one in outcome(life).candidates)
    elif isinstance(life.state, Run):
        step = _step(life)
        open_ids = {request.id for request in life.open}
        assert step.outstanding == open_ids | step.promised.keys()
