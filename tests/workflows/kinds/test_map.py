from __future__ import annotations

from dataclasses import replace

import pytest

from app.workflows.engine import Tick
from app.workflows.run import Run
from tests.workflows.kinds.run_helpers import answer_next, asked, asking, begun, later, outcome, transform
from tests.workflows.simulation import START, Life, answer
from topics.model_requests import ModelRequest

SAY = {"kind": "ask", "models": ["alpha"], "prompt": "{{ index }}: {{ item }}"}


def test_that_each_item_runs_as_many_at_once_as_there_is_room_for() -> None:
    life = begun({"each": {"kind": "map", "over": "['a', 'b', 'c']", "parallel": 2, "step": SAY}})
    assert asked(life) == ["t/each[0]/alpha/1", "t/each[1]/alpha/1"]
    assert [request.messages[-1].content for request in life.open if isinstance(request, ModelRequest)] == [
        "0: a",
        "1: b",
    ]
    answer_next(life, "A")
    assert asked(life) == ["t/each[1]/alpha/1", "t/each[2]/alpha/1"]
    life.restart()
    answer_next(life, "B")
    answer_next(life, "C")
    result = outcome(life)
    assert result.answer == ["A", "B", "C"]
    assert (result.usage.input_tokens, result.steps[0].usage.input_tokens) == (6, 6)


def test_that_the_outputs_are_in_the_order_of_the_items() -> None:
    life = begun({"each": {"kind": "map", "over": "['a', 'b']", "step": SAY}, "end": transform("steps.each.output")})
    life.open.reverse()
    answer_next(life, "B")
    answer_next(life, "A")
    assert outcome(life).answer == ["A", "B"]


def test_that_no_items_are_an_empty_list() -> None:
    assert outcome(begun({"each": {"kind": "map", "over": "[]", "step": SAY}})).answer == []


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ("1", "must yield a list, not a number"),
        ("true", "must yield a list, not true or false"),
        ("{'a': 1}", "must yield a list, not an object"),
        ("null", "must yield a list, not null"),
        ("[1, 2, 3]", "3 items are more than at_most allows (2)"),
    ],
)
def test_that_what_is_no_list_or_too_long_fails(over: str, message: str) -> None:
    error = outcome(begun({"each": {"kind": "map", "over": over, "at_most": 2, "step": SAY}})).error
    assert error
    assert message in error.message


def test_that_an_item_is_tried_again_by_itself() -> None:
    step = {**SAY, "retry": {"attempts": 2, "backoff": 1.0}}
    life = begun({"each": {"kind": "map", "over": "[1, 2]", "step": step}})
    answer_next(life, error="timeout")
    answer_next(life, "B")
    later(life, 1.0)
    assert asked(life) == ["t/each[0]/alpha/2"]
    answer_next(life, "A")
    assert outcome(life).answer == ["A", "B"]


def test_that_some_items_may_fail_but_no_more() -> None:
    steps = {"each": {"kind": "map", "over": "[1, 2, 3]", "tolerate": 1, "step": SAY}}
    life = begun(steps)
    answer_next(life, error="unauthorized")
    answer_next(life, "B")
    answer_next(life, "C")
    result = outcome(life)
    assert (result.answer, result.degraded, result.steps[0].reason) == ([None, "B", "C"], True, "2 of 3 items")
    life = begun(steps)
    answer_next(life, error="unauthorized")
    answer_next(life, error="unauthorized")
    error = outcome(life).error
    assert error
    assert (error.code, "2 of 3 items failed, and 1 may" in error.message) == ("unauthorized", True)


def test_that_items_that_are_under_way_end_with_the_map() -> None:
    steps = {"each": {"kind": "map", "over": "[1, 2]", "timeout": 5, "optional": True, "step": SAY}, "say": asking()}
    life = begun(steps, answer="say")
    later(life, 5)
    assert isinstance(life.state, Run)
    assert set(life.state.active) == {"say"}
    life.open = life.open[:1]
    answer_next(life)
    assert outcome(life).degraded


def test_that_a_thousand_items_are_one_output() -> None:
    life = begun(
        {"each": {"kind": "map", "over": "input.items", "step": transform("item * 2")}},
        task={"input": {"items": list(range(1000))}},
    )
    assert outcome(life).answer == [2 * number for number in range(1000)]


@pytest.mark.parametrize("lost", [1, 2, 3], ids=["the map", "an item too", "all items too"])
def test_that_a_map_whose_own_record_was_not_written_goes_on_with_what_was(lost: int) -> None:
    life = begun({"each": {"kind": "map", "over": "['a', 'b']", "step": SAY}})
    requests = list(life.open)
    life.give(answer(requests[0], "A"))
    whole = life.state
    assert isinstance(whole, Run)
    assert list(whole.steps) == ["each[]", "each[0]", "each[1]", "each"]
    left = dict(list(whole.steps.items())[:-lost])
    active = {name: step.wake_at for name, step in left.items() if not step.over}
    life = Life(life.definitions, replace(whole, steps=left, active=active), life.now)
    life.give(Tick())
    for request in requests:
        life.give(answer(request, "A" if request is requests[0] else "B"))
    assert outcome(life).answer == ["A", "B"]


def test_that_a_map_all_of_whose_items_are_over_ends_when_it_begins_again() -> None:
    life = begun({"each": {"kind": "map", "over": "['a', 'b']", "step": SAY}, "more": asking()}, answer="each")
    for request, text in zip([one for one in life.open if "each" in (one.id or "")], "AB", strict=True):
        life.give(answer(request, text))
    whole = life.state
    assert isinstance(whole, Run)
    left = {name: step for name, step in whole.steps.items() if name != "each"}
    life = Life(life.definitions, replace(whole, steps=left), life.now)
    life.give(Tick())
    assert isinstance(life.state, Run)
    assert (life.state.steps["each"].status, life.state.steps["each"].output) == ("succeeded", ["A", "B"])


def test_that_a_map_that_failed_ends_its_items_before_what_stands_in_for_it_begins() -> None:
    each = {"kind": "map", "over": "[1, 2, 3, 4]", "parallel": 3, "step": SAY, "fallback": {"step": "whole"}}
    life = begun({"each": each, "whole": asking()}, answer="each")
    answer_next(life, error="unauthorized")
    assert asked(life) == ["t/each[1]/alpha/1", "t/each[2]/alpha/1", "t/whole/alpha/1"]
    assert isinstance(life.state, Run)
    assert set(life.state.active) == {"each", "whole"}  # no item is paid for any more, and none begins
    assert life.state.steps["each[1]"].status == "failed"
    life.open = life.open[-1:]
    answer_next(life, "Whole")
    assert (outcome(life).answer, outcome(life).degraded) == ("Whole", True)


def test_that_an_item_has_no_more_time_than_its_map() -> None:
    life = begun({"each": {"kind": "map", "over": "[1, 2]", "parallel": 1, "timeout": 30, "step": SAY}})
    life.now += 20
    answer_next(life)
    (second,) = life.open
    assert isinstance(second, ModelRequest)
    assert second.expires_at
    assert second.expires_at.timestamp() == START + 30
