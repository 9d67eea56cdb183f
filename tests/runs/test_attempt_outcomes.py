from __future__ import annotations

from typing import Any

from app.runs.attempt_outcomes import mark_outcomes
from app.runs.views import AttemptView, StepView
from tests.cli.runlog import moment
from topics.base import Failure
from topics.results import Candidate


def _attempt(branch: str, until: float | None = 1.0, **fields: Any) -> AttemptView:
    end = None if until is None else moment(until)
    names = {"id": f"{branch}/{fields.get('repair', 0)}", "work": "model", "name": branch, "branch": branch}
    return AttemptView.model_validate({**names, "at": moment(0.0), "until": end, "text": f"{branch} says", **fields})


def _candidate(branch: str, *, chosen: bool = False, error: Failure | None = None) -> Candidate:
    return Candidate(branch=branch, model=branch, text=f"{branch} says", chosen=chosen, error=error)


_OVER = StepView(name="s", status="succeeded", started_at=moment(0.0), ended_at=moment(2.0))


def test_the_candidate_says_which_was_chosen() -> None:
    found = mark_outcomes(_OVER, [_attempt("a"), _attempt("b")], [_candidate("a"), _candidate("b", chosen=True)], "")
    assert [(one.chosen, one.late) for one in found] == [(False, False), (True, False)]


def test_an_answer_that_came_after_the_end_is_late() -> None:
    assert [one.late for one in mark_outcomes(_OVER, [_attempt("a", 2.0), _attempt("b", 2.1)], [], "")] == [False, True]


def test_an_answer_that_the_result_does_not_list_is_late_though_the_clock_does_not_show_it() -> None:
    found = mark_outcomes(_OVER, [_attempt("a"), _attempt("b")], [_candidate("a", chosen=True)], "")
    assert [one.late for one in found] == [False, True]


def test_an_answer_that_was_repaired_and_one_of_a_former_attempt_are_not_late() -> None:
    made = [_attempt("a", number=1), _attempt("a", number=2, text="bad"), _attempt("a", number=2, repair=1)]
    step = _OVER.model_copy(update={"number": 2})
    found = mark_outcomes(step, made, [_candidate("a", chosen=True)], "")
    assert [(one.late, one.chosen) for one in found] == [(False, False), (False, False), (False, True)]


def test_a_candidate_that_does_not_fit_its_schema_has_its_error() -> None:
    error = Failure(code="invalid_output", message="no")
    assert mark_outcomes(_OVER, [_attempt("a")], [_candidate("a", error=error)], "")[0].error == error


def test_what_is_not_answered_is_awaited_while_the_step_runs() -> None:
    running = StepView(name="s", status="running")
    (open_,), (over,) = (mark_outcomes(step, [_attempt("a", None)], [], "") for step in (running, _OVER))
    assert (open_.awaited, over.awaited) == (True, False)


def test_the_state_says_which_was_chosen_before_there_is_a_result() -> None:
    assert [one.chosen for one in mark_outcomes(_OVER, [_attempt("a"), _attempt("b")], [], "b")] == [False, True]
