from __future__ import annotations

from dataclasses import replace

import pytest

from app.workflows.records import records
from app.workflows.run import Run
from tests.workflows.kinds.run_helpers import answer_next, asked, asking, begun, later, outcome, transform
from tests.workflows.simulation import answer

FIND = {"kind": "retrieve", "query": "{{ input.question }}"}
CALL = {"kind": "connector", "connector": "crm", "arguments": {"q": "${{ input.question }}"}}


# --- retries ----------------------------------------------------------------------------------------------


def test_that_a_step_that_failed_is_tried_again_after_its_delay_under_other_ids() -> None:
    life = begun({"say": asking(retry={"attempts": 3, "backoff": 2.0})})
    answer_next(life, error="unavailable")
    assert asked(life) == []
    assert isinstance(life.state, Run)
    assert life.now < life.state.wake_at <= life.now + 2.0
    later(life, 2.0)
    assert asked(life) == ["t/say/alpha/2"]
    answer_next(life)
    result = outcome(life)
    assert (result.status, result.degraded, result.steps[0].attempts) == ("succeeded", False, 2)
    assert result.usage.input_tokens == 4  # both attempts are paid


def test_that_the_last_attempt_decides() -> None:
    life = begun({"say": asking(retry={"attempts": 2, "backoff": 2.0})})
    answer_next(life, error="unavailable")
    later(life, 2.0)
    answer_next(life, error="overloaded")
    result = outcome(life)
    assert result.error
    assert (result.error.code, result.steps[0].attempts) == ("overloaded", 2)


@pytest.mark.parametrize(
    ("on", "error", "again"),
    [([], "unauthorized", False), (["unauthorized"], "unauthorized", True), (["x"], "timeout", False)],
)
def test_that_only_errors_that_may_pass_are_worth_another_attempt(on: list[str], error: str, *, again: bool) -> None:
    life = begun({"say": asking(retry={"attempts": 2, "on": on})})
    answer_next(life, error=error)
    assert (not life.results) == again


def test_that_a_replay_waits_as_long_as_the_run_did() -> None:
    delays = set()
    for _ in range(3):
        life = begun({"say": asking(retry={"attempts": 2, "backoff": 5.0})})
        answer_next(life, error="timeout")
        assert isinstance(life.state, Run)
        delays.add(life.state.wake_at)
    assert len(delays) == 1


# --- fallbacks --------------------------------------------------------------------------------------------


def test_that_a_value_stands_in_for_a_step_that_failed() -> None:
    fallback = {"value": {"said": "${{ input.question }}"}}
    life = begun({"call": {**CALL, "fallback": fallback}, "end": transform("steps.call.output.said")})
    answer_next(life, error="connector")
    result = outcome(life)
    assert (result.answer, result.degraded, result.steps[0].status) == ("why?", True, "succeeded")


def test_that_a_step_stands_in_for_another_and_only_then() -> None:
    steps = {"call": {**CALL, "fallback": {"step": "guess"}}, "guess": asking(), "end": transform("steps.call.output")}
    life = begun(steps, answer="end")
    assert asked(life) == ["t/call/connector/1"]
    answer_next(life, error="connector")
    assert asked(life) == ["t/guess/alpha/1"]
    answer_next(life, "Perhaps")
    assert (outcome(life).answer, outcome(life).degraded) == ("Perhaps", True)
    life = begun(steps, answer="end")
    answer_next(life, "Yes")
    assert outcome(life).answer == {"said": "Yes"}
    assert [step.status for step in outcome(life).steps if step.step == "guess"] == ["skipped"]


def test_that_a_step_and_the_one_that_stands_in_may_both_fail() -> None:
    steps = {"call": {**CALL, "fallback": {"step": "guess"}}, "guess": asking(), "end": transform("steps.call.output")}
    life = begun(steps, answer="end")
    answer_next(life, error="connector")
    answer_next(life, error="unauthorized")
    result = outcome(life)
    assert result.error
    assert (result.status, result.error.code) == ("failed", "connector")


def test_that_what_stands_in_can_name_the_error() -> None:
    steps = {"call": {**CALL, "fallback": {"step": "say"}}, "say": transform("steps.call.error.code")}
    life = begun(steps, answer="call")
    answer_next(life, error="connector")
    assert outcome(life).answer == "connector"


# --- skipping ---------------------------------------------------------------------------------------------


def test_that_a_step_is_skipped_when_its_condition_is_false_and_what_waits_only_for_it_too() -> None:
    steps = {
        "find": {**FIND, "when": "input.question == 'how?'"},
        "then": transform("1", after=["find"]),
        "end": transform("2"),
    }
    result = outcome(begun(steps, answer="end"))
    assert (result.answer, result.degraded) == (2, False)
    told = {step.step: (step.status, step.reason) for step in result.steps}
    assert told["find"] == ("skipped", "not input.question == 'how?'")
    assert told["then"] == ("skipped", "all steps that it waits for were skipped")


def test_that_a_step_runs_when_one_of_those_before_it_was_not_skipped() -> None:
    steps = {"no": transform("1", when="false"), "yes": transform("2"), "end": transform("3", after=["no", "yes"])}
    assert outcome(begun(steps)).answer == 3


def test_that_a_condition_that_is_not_a_condition_fails_its_step() -> None:
    error = outcome(begun({"end": transform("1", when="1 + 1")})).error
    assert error
    assert "yields int, not true or false" in error.message


def test_that_an_answer_that_was_skipped_is_none() -> None:
    result = outcome(begun({"end": transform("1", when="false")}))
    assert (result.status, result.answer) == ("succeeded", None)


# --- the whole --------------------------------------------------------------------------------------------


def test_that_a_run_goes_on_until_all_of_its_steps_are_over() -> None:
    life = begun({"say": asking(), "tell": {**CALL, "after": ["say"]}}, answer="say")
    answer_next(life, "Yes")
    assert asked(life) == ["t/tell/connector/1"]
    answer_next(life)
    assert outcome(life).answer == "Yes"


def test_that_the_answer_stands_when_the_deadline_cuts_off_what_follows_it() -> None:
    life = begun({"say": asking(), "tell": {**CALL, "after": ["say"], "optional": True}}, answer="say", deadline=10.0)
    answer_next(life, "Yes")
    later(life, 10)
    result = outcome(life)
    assert (result.status, result.answer, result.degraded) == ("succeeded", "Yes", True)


def test_that_an_answer_that_does_not_fit_the_output_schema_is_a_failure() -> None:
    error = outcome(begun({"end": transform("1")}, output={"type": "string"})).error
    assert error
    assert error.code == "invalid_output"


def test_that_time_that_has_passed_everywhere_ends_a_run_whose_answer_is_not_there() -> None:
    life = begun({"say": asking(timeout=500)}, deadline=10.0)
    later(life, 10)
    error = outcome(life).error
    assert error
    assert error.code == "deadline_exceeded"


def test_that_progress_writes_the_steps_that_changed_and_nothing_else() -> None:
    life = begun({"say": asking(), "tell": {**CALL, "after": ["say"]}, "also": asking()}, answer="tell")
    before = life.state
    answer_next(life)
    written = [key for key, _ in records("t", life.state, before)]
    assert written == ["t\tsay", "t\ttell"]


def test_that_an_item_that_is_over_stays_as_it_is_when_its_map_ends_before_it_has_counted_it() -> None:
    each = {"kind": "map", "over": "[1, 2]", "step": FIND, "timeout": 5.0, "optional": True}
    life = begun({"each": each, "also": asking()}, answer="also")
    before = life.state
    (first,) = (request for request in life.open if (request.id or "").startswith("t/each[0]"))
    life.give(answer(first))
    after = life.state
    assert isinstance(before, Run)
    assert isinstance(after, Run)
    # A crash between the records of a write: the item's was written, the map's was not.
    life.state = replace(after, steps={**after.steps, "each": before.steps["each"]})
    later(life, 5)
    assert isinstance(life.state, Run)
    assert life.state.steps["each"].status == "failed"
    assert [life.state.steps[item].status for item in ("each[0]", "each[1]")] == ["succeeded", "failed"]


def test_that_what_waits_for_a_stand_in_goes_on_when_that_is_not_needed() -> None:
    steps = {
        "call": {**CALL, "fallback": {"step": "guess"}},
        "guess": asking(),
        "note": transform("steps.guess.status"),
        "end": transform("steps.note.status", after=["call"]),
    }
    life = begun(steps)
    answer_next(life)
    result = outcome(life)
    assert (result.status, result.answer, result.degraded) == ("succeeded", "skipped", False)
    assert {step.step: step.reason for step in result.steps}["guess"] == "it was not needed: call did not fail"


def test_that_a_failure_for_which_a_skipped_step_stands_in_is_one() -> None:
    steps = {"call": {**CALL, "fallback": {"step": "guess"}}, "guess": asking(when="false"), "end": transform("1")}
    life = begun({**steps, "end": transform("1", after=["call"])})
    answer_next(life, error="connector")
    error = outcome(life).error
    assert error
    assert error.code == "connector"


def test_that_several_steps_stand_in_one_after_the_other() -> None:
    steps = {
        "call": {**CALL, "fallback": {"step": "small"}},
        "small": asking("alpha", fallback={"step": "large"}),
        "large": asking("beta"),
    }
    life = begun(steps, answer="call")
    answer_next(life, error="connector")
    answer_next(life, error="unauthorized")
    assert asked(life) == ["t/large/beta/1"]
    life.restart()
    answer_next(life, "At last")
    assert (outcome(life).answer, outcome(life).degraded) == ("At last", True)


def test_that_a_defect_fails_its_step_and_the_run_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("a secret")

    monkeypatch.setattr("app.workflows.kinds.retrieve.RetrieveKind.receive", broken)
    life = begun({"find": {**FIND, "optional": True}, "end": transform("steps.find.error.code")})
    answer_next(life)
    assert (outcome(life).answer, outcome(life).degraded) == ("internal", True)
    error = outcome(life).steps[0].error
    assert error
    assert error.message == "RuntimeError in step find"
    assert "a defect in step find of the run t" in caplog.text


def test_that_a_run_whose_answer_nothing_leads_to_does_not_succeed() -> None:
    """No check lets such a workflow be deployed."""
    steps = {"one": transform("1", fallback={"step": "two"}), "two": transform("2", fallback={"step": "one"})}
    life = begun(steps, answer="one")
    error = outcome(life).error
    assert error
    assert (error.code, error.message) == ("workflow", "no step leads to the step that gives the answer")
