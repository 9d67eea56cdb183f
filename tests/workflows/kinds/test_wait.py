from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.workflows.run import Run
from tests.workflows.kinds.run_helpers import begun, later, outcome, transform
from tests.workflows.simulation import START
from topics.signals import Signal

APPROVAL = {"kind": "wait", "signal": "approval"}


def _signal(name: str = "approval", payload: object = 1) -> Signal:
    return Signal.model_validate({"task_id": "t", "name": name, "payload": payload})


def test_that_a_run_wakes_when_its_time_has_come_and_not_before() -> None:
    life = begun({"pause": {"kind": "wait", "for": "5s"}, "end": transform("'done'", after=["pause"])})
    assert isinstance(life.state, Run)
    assert life.state.wake_at == START + 5
    later(life, 4.9)
    assert life.results == []
    later(life, 0.1)
    assert outcome(life).answer == "done"


def test_that_it_waits_until_a_time_that_an_expression_yields() -> None:
    moment = datetime.fromtimestamp(START + 7, UTC).isoformat()
    life = begun({"pause": {"kind": "wait", "until": "timestamp(input.at)"}}, task={"input": {"at": moment}})
    assert isinstance(life.state, Run)
    assert life.state.wake_at == START + 7
    later(life, 7)
    assert outcome(life).status == "succeeded"


def test_that_a_time_that_has_passed_is_not_waited_for() -> None:
    assert (
        outcome(begun({"pause": {"kind": "wait", "until": "timestamp('2001-01-01T00:00:00Z')"}})).status == "succeeded"
    )


@pytest.mark.parametrize("until", ["1", "'soon'", "'2001-01-01T00:00:00'"])
def test_that_what_is_not_a_moment_fails(until: str) -> None:
    error = outcome(begun({"pause": {"kind": "wait", "until": until}})).error
    assert error
    assert error.code == "expression"


def test_that_a_signal_is_the_output_and_the_first_of_its_name_counts() -> None:
    life = begun(
        {
            "ok": APPROVAL,
            "again": {**APPROVAL, "after": ["ok"]},
            "end": transform("[steps.ok.output, steps.again.output]"),
        }
    )
    assert life.give(_signal("other")) == []
    life.give(_signal(payload={"by": "ada"}))
    assert outcome(life).answer == [{"by": "ada"}] * 2


def test_that_a_signal_that_comes_early_is_kept_also_over_a_restart() -> None:
    life = begun({"pause": {"kind": "wait", "for": 5.0}, "ok": {**APPROVAL, "after": ["pause"]}})
    life.give(_signal(payload="early"))
    life.give(_signal(payload="too late"))
    life.restart()
    later(life, 5)
    assert outcome(life).answer == "early"


def test_that_a_signal_that_does_not_come_is_a_failure_that_a_value_can_stand_in_for() -> None:
    life = begun({"ok": {**APPROVAL, "timeout": 10}})
    later(life, 10)
    error = outcome(life).error
    assert error
    assert error.code == "deadline_exceeded"
    life = begun({"ok": {**APPROVAL, "timeout": 10, "fallback": {"value": False}}})
    later(life, 10)
    assert (outcome(life).answer, outcome(life).degraded) == (False, True)


def test_that_the_beginning_of_time_is_long_past_wherever_it_is_told() -> None:
    result = outcome(begun({"wait": {"kind": "wait", "until": "'0001-01-01T00:00:00+14:00'"}}))
    assert (result.status, result.error) == ("succeeded", None)
