from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from app.workflows.run import Run, Semaphore
from app.workflows.semaphores import grant
from tests.workflows.kinds.run_helpers import answer_next, asked, asking, begun, later, outcome
from topics.slots import SlotEvent

NOW = 1_000.0


def _event(
    task: str,
    action: Literal["acquire", "release"] = "acquire",
    *,
    limit: int = 1,
    priority: int = 0,
    until: float = 100,
) -> SlotEvent:
    expires = datetime.fromtimestamp(NOW + until, UTC)
    return SlotEvent(
        id=f"{task}/slot",
        action=action,
        workflow="w",
        key="k",
        task_id=task,
        limit=limit,
        priority=priority,
        expires_at=expires,
    )


def _served(*events: SlotEvent | None, now: float = NOW) -> list[str]:
    state, served = None, []
    for event in events:
        state, grants = grant(state, event, now)
        served += [grant.task_id for grant in grants]
    return served


def test_that_a_run_asks_for_its_slot_and_begins_when_it_comes() -> None:
    life = begun({"say": asking()}, concurrency={"limit": 2, "key": "input.question"}, priority=4)
    (event,) = life.commands
    assert isinstance(event, SlotEvent)
    assert (event.action, event.workflow, event.key, event.limit, event.priority) == ("acquire", "w", "why?", 2, 4)
    life.restart()
    answer_next(life)
    assert asked(life) == ["t/say/alpha/1"]
    answer_next(life)
    assert outcome(life).status == "succeeded"
    last = life.commands[-1]
    assert isinstance(last, SlotEvent)
    assert (last.action, last.key) == ("release", "why?")


def test_that_a_run_whose_turn_does_not_come_ends_and_leaves_the_queue() -> None:
    life = begun({"say": asking()}, concurrency={"limit": 1}, deadline=10.0)
    later(life, 10)
    assert isinstance(life.commands[-1], SlotEvent)
    assert life.commands[-1].action == "release"
    error = outcome(life).error
    assert error
    assert error.code == "deadline_exceeded"


def test_that_a_key_that_cannot_be_computed_fails_the_run() -> None:
    life = begun({"say": asking()}, concurrency={"limit": 1, "key": "input.nothing"})
    error = outcome(life).error
    assert error
    assert error.code == "expression"


def test_that_no_more_hold_slots_than_the_limit_allows_and_the_first_is_served_first() -> None:
    assert _served(_event("a"), _event("b"), _event("c")) == ["a"]
    assert _served(_event("a"), _event("b"), _event("c"), _event("a", "release")) == ["a", "b"]
    assert _served(_event("a", limit=2), _event("b", limit=2), _event("c", limit=2)) == ["a", "b"]


def test_that_a_higher_priority_overtakes() -> None:
    events = (_event("a"), _event("low"), _event("high", priority=1), _event("a", "release"), _event("high", "release"))
    assert _served(*events) == ["a", "high", "low"]


def test_that_repetition_does_no_harm() -> None:
    assert _served(_event("a"), _event("a"), _event("b"), _event("b")) == ["a", "a"]
    assert _served(
        _event("a"), _event("b"), _event("x", "release"), _event("a", "release"), _event("a", "release")
    ) == ["a", "b"]


def test_that_a_run_that_gives_up_leaves_the_queue() -> None:
    assert _served(_event("a"), _event("b"), _event("c"), _event("b", "release"), _event("a", "release")) == ["a", "c"]


def test_that_a_slot_that_is_not_given_back_is_free_when_it_expires() -> None:
    state, _ = grant(None, _event("a", until=10), NOW)
    state, _ = grant(state, _event("b"), NOW)
    assert state.wake_at == NOW + 10
    _, grants = grant(state, None, NOW + 10)
    assert [grant.task_id for grant in grants] == ["b"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["acquire", "release", "time"]), st.integers(0, 2)),
        max_size=40,
    ),
    st.integers(1, 3),
)
def test_that_the_limit_holds_and_nobody_is_forgotten(happenings: list[tuple[str, str, int]], limit: int) -> None:
    state: Semaphore | None = None
    now, wanting = NOW, set()
    for task, action, priority in happenings:
        if action == "time":
            now += 1.0
            state, _ = grant(state, None, now)
        elif action == "acquire":
            wanting.add(task)
            state, _ = grant(state, _event(task, limit=limit, priority=priority), now)
        else:
            wanting.discard(task)
            state, _ = grant(state, _event(task, "release"), now)
        waiting = {entry[2] for entry in state.queue}
        assert len(state.holders) <= limit
        assert not waiting & state.holders.keys()
        assert waiting | state.holders.keys() == wanting
        assert not waiting or len(state.holders) == limit


def test_that_a_run_under_a_limit_is_a_run() -> None:
    life = begun({"say": asking()}, concurrency={"limit": 1})
    assert isinstance(life.state, Run)
    assert (life.state.slot, life.state.wake_at) == ("asked", life.state.deadline)
