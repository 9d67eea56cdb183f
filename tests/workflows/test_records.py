from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidEvent
from app.workflows.budgets.state import BudgetState, QueuedReservation, Reservation
from app.workflows.records import Assembler, Records, records
from app.workflows.run import Done, EarlyResponse, Run, RunState, Semaphore, StepRun, WebhookRetry
from topics import tasks
from topics.base import Failure
from topics.budgets import Terms
from topics.model_responses import ModelResponse, Usage
from topics.retrieval_results import Chunk
from topics.step_results import StepResult
from topics.tasks import Task
from topics.webhook_requests import WebhookBody, WebhookRequest

KEY = "t"
TIMES = st.floats(0, 4e9)
TEXT = st.text(max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FAILURES = st.builds(Failure, code=TEXT, message=TEXT)
USAGES = st.builds(Usage, input_tokens=st.integers(0, 9), cost=st.floats(0, 9))
CHUNKS = st.builds(
    Chunk,
    id=TEXT,
    document_id=TEXT,
    source=TEXT,
    heading=TEXT,
    lines=st.tuples(st.integers(1), st.integers(1)),
    text=TEXT,
    score=st.floats(-1, 1),
)
RESPONSES = st.builds(
    ModelResponse,
    id=TEXT,
    task_id=TEXT,
    step=TEXT,
    branch=TEXT,
    model=TEXT,
    text=TEXT,
    usage=USAGES,
    error=st.none() | FAILURES,
    seconds=TIMES,
    embedding=st.none() | TEXT,
    purpose=st.sampled_from(["answer", "fusion"]),
)
STEPS = st.builds(
    StepRun,
    status=st.sampled_from(["waiting", "running", "backing_off", "falling_back", "succeeded", "failed", "skipped"]),
    attempt=st.integers(1, 3),
    started_at=TIMES,
    wake_at=TIMES,
    ends_at=TIMES,
    ended_at=TIMES,
    outstanding=st.frozensets(TEXT, max_size=3),
    order=st.lists(TEXT, max_size=3).map(tuple),
    reserves=st.lists(TEXT, max_size=3).map(tuple),
    looked_up=VALUES,
    responses=st.lists(RESPONSES, max_size=2).map(tuple),
    replies=st.lists(RESPONSES, max_size=1).map(tuple),
    repairs=st.dictionaries(TEXT, st.integers(1, 9), max_size=2),
    chunks=st.lists(CHUNKS, max_size=2).map(tuple),
    output=VALUES,
    branch=TEXT,
    fusion=st.text(max_size=5),
    agreement=st.none() | st.floats(0, 1),
    confidence=st.none() | st.floats(0, 1),
    groups=st.lists(st.lists(TEXT, max_size=2).map(tuple), max_size=2).map(tuple),
    spent=USAGES,
    reason=TEXT,
    error=st.none() | FAILURES,
)
NAMES = st.sampled_from(["draft", "check", "each", "each[]", "each[0]", "each[10]", "last"])
TASKS = st.builds(Task, id=st.none() | st.just(KEY), workflow=TEXT, input=st.dictionaries(TEXT, VALUES, max_size=4))


def _active(steps: Mapping[str, StepRun]) -> dict[str, float]:
    under_way = {"running", "backing_off", "falling_back"}
    return {name: step.wake_at for name, step in steps.items() if step.status in under_way}


def _with_steps(run: Run, steps: Mapping[str, StepRun]) -> Run:
    return replace(run, steps=steps, active=_active(steps))


RUNS = st.builds(
    _with_steps,
    st.builds(
        Run,
        task_id=st.just(KEY),
        task=TASKS,
        digest=TEXT,
        accepted_at=TIMES,
        deadline=TIMES,
        version=st.integers(0, 9),
        turn=st.integers(0, 9),
        slot=st.sampled_from(["", "asked", "held"]),
        slot_key=TEXT,
        budget=TEXT,
        paid=st.lists(TEXT, max_size=2).map(tuple),
        models=st.none() | st.lists(TEXT, max_size=2).map(tuple),
        signals=st.dictionaries(TEXT, VALUES, max_size=2),
        traceparent=st.none() | TEXT,
    ),
    st.dictionaries(NAMES, STEPS, max_size=4),
)
DONES = st.builds(
    Done,
    digest=TEXT,
    forget_at=TIMES,
    workflow=TEXT,
    budgets=st.lists(TEXT, max_size=2).map(tuple),
    unpaid=st.frozensets(TEXT, max_size=2),
    turn=st.integers(0, 9),
)
AMOUNTS = st.floats(0, 1e9)
SLOTS = st.builds(
    Semaphore,
    limit=st.integers(1, 5),
    holders=st.dictionaries(TEXT, TIMES, max_size=3),
    queue=st.lists(st.tuples(st.integers(), st.integers(), TEXT, TEXT, TIMES), max_size=3).map(tuple),
    arrivals=st.integers(0),
)
TERMS = st.builds(Terms, limit=AMOUNTS, period=st.floats(1, 1e9), degrade_to=st.lists(TEXT, max_size=2).map(tuple))
ACCOUNTS = st.builds(
    BudgetState,
    budget=TEXT,
    terms=TERMS,
    number=st.integers(0),
    spent=AMOUNTS,
    reserved=st.dictionaries(TEXT, st.builds(Reservation, TEXT, AMOUNTS, TIMES, st.booleans()), max_size=3),
    queue=st.lists(
        st.builds(QueuedReservation, st.tuples(st.integers(), st.integers()), TEXT, TEXT, TEXT, TIMES), max_size=3
    ).map(tuple),
    arrivals=st.integers(0),
    costs=st.dictionaries(TEXT, st.tuples(AMOUNTS, AMOUNTS), max_size=3),
    settled=st.lists(TEXT, max_size=3).map(tuple),
)


def _read(log: Sequence[tuple[str, bytes | None]]) -> dict[str, RunState]:
    assembler = Assembler()
    for key, value in log:
        assembler.add(key, value)
    states = assembler.states()
    assert assembler.refused == {}
    return states


def _same(one: RunState | None, other: RunState | None) -> bool:
    """Whether two states are equal, in the order of their steps too: reports and citations follow it."""
    ordered = not (isinstance(one, Run) and isinstance(other, Run)) or list(one.steps) == list(other.steps)
    return ordered and one == other and type(one) is type(other)


@given(state=RUNS | DONES)
def test_that_a_state_is_read_back_as_it_was_written(state: Run | Done) -> None:
    states = _read(records(KEY, state, None))
    assert list(states) == [KEY]
    assert _same(states[KEY], state)


@given(state=SLOTS, key=st.sampled_from(["slot\tplan/eu", "slot\tplan/a\tb", "slot\tplan/"]))
def test_that_slots_are_one_record(state: Semaphore, key: str) -> None:
    written = records(key, state, None)
    assert len(written) == 1
    assert _read(written) == {key: state}
    assert records(key, state, state) == []
    assert [value for _, value in records(key, replace(state, arrivals=state.arrivals + 1), state)] != [None]


@given(state=ACCOUNTS, key=st.sampled_from(["budget\t/acme", "budget\t/acme:a%09b:w"]))
def test_that_an_account_is_one_record(state: BudgetState, key: str) -> None:
    written = records(key, state, None)
    assert len(written) == 1
    assert _read(written) == {key: state}
    assert records(key, state, state) == []


@pytest.mark.parametrize("sent", [False, True])
def test_that_a_webhook_is_one_record(*, sent: bool) -> None:
    body = WebhookBody(
        type="task.failed", timestamp=datetime(2026, 1, 1, tzinfo=UTC), data={"a": [1, None, {"b": "c"}]}
    )
    request = WebhookRequest(id="t/webhook/2", task_id="t", webhook="crm", attempt=2, body=body)
    state = WebhookRetry(request, 7.0, sent)
    written = records("webhook\t/t", state, None)
    assert _read(written) == {"webhook\t/t": state}
    assert records("webhook\t/t", state, state) == []


#: What may happen to a run between two writes; each takes the state before, and returns the state after.
def _set_step(state: RunState | None, name: str, step: StepRun) -> RunState | None:
    return _with_steps(state, {**state.steps, name: step}) if isinstance(state, Run) else state


def _remove_step(state: RunState | None, name: str) -> RunState | None:
    if not isinstance(state, Run):
        return state
    return _with_steps(state, {other: step for other, step in state.steps.items() if other != name})


def _change_head(state: RunState | None, turn: int) -> RunState | None:
    return replace(state, turn=turn) if isinstance(state, Run) else state


CHANGES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just(_set_step), NAMES, STEPS),
    st.tuples(st.just(_set_step), NAMES, STEPS),
    st.tuples(st.just(_remove_step), NAMES),
    st.tuples(st.just(_change_head), st.integers(0, 9)),
    st.tuples(st.just(lambda _state, new: new), RUNS | DONES | st.none()),
)
GROUPS = st.lists(st.lists(CHANGES, max_size=3), min_size=1, max_size=8)


def _apply(state: RunState | None, changes: list[Any]) -> RunState | None:
    for change, *arguments in changes:
        state = change(state, *arguments)
    return state


@given(groups=GROUPS)
def test_that_any_changes_in_any_grouping_are_read_back_as_the_last_state(groups: list[list[Any]]) -> None:
    state: RunState | None = None
    written: RunState | None = None
    log: Records = []
    for changes in groups:
        state = _apply(state, changes)
        log += records(KEY, state, written)
        written = state
        assert _same(_read(log).get(KEY), state)
    compacted = dict(log)
    assert _same(_read(list(compacted.items())).get(KEY), state)
    left = {key for key, value in compacted.items() if value is not None}
    steps = state.steps if isinstance(state, Run) else {}
    assert left == ({KEY, *(f"{KEY}\t{name}" for name in steps)} if state else set())  # no record is left behind


@given(groups=GROUPS, data=st.data())
def test_that_a_crash_within_a_write_leaves_each_part_as_of_some_write(groups: list[list[Any]], data: Any) -> None:
    """Cut writes short; each time another worker goes on from what it reads."""
    log: Records = []
    known: list[tuple[float, str, StepRun]] = []
    for number, changes in enumerate(groups):
        read = _read(log).get(KEY)
        state = _apply(read, changes)
        if isinstance(state, Run) and not (isinstance(read, Run) and read.accepted_at == state.accepted_at):
            state = replace(state, accepted_at=float(number))  # no two runs of one id are accepted at the same time
        known += _parts(state)
        new = records(KEY, state, read)
        cut = data.draw(st.integers(0, len(new)))
        log += new[:cut]
        found = _read(log).get(KEY)
        assert all(part in known for part in _parts(found))
        if isinstance(found, Run):
            assert found.active == _active(found.steps)
        if cut == len(new):
            assert _same(found, state)


def _parts(state: RunState | None) -> list[tuple[float, str, StepRun]]:
    """Return the steps of a run: of which run, by what name, and what it is."""
    return [(state.accepted_at, *item) for item in state.steps.items()] if isinstance(state, Run) else []


def _run(**steps: StepRun) -> Run:
    run = Run(KEY, Task(id=KEY, input={"q": "why"}), "d", accepted_at=10.5, deadline=99.0, version=1)
    return _with_steps(run, steps)


def test_that_only_what_has_changed_is_written() -> None:
    old = _run(draft=StepRun(status="running", wake_at=20.0), check=StepRun())
    assert records(KEY, old, old) == []
    new = _with_steps(old, {**old.steps, "draft": StepRun(status="succeeded", output="long " * 1000)})
    assert [key for key, _ in records(KEY, new, old)] == [f"{KEY}\tdraft"]
    signalled = replace(new, signals={"approved": True})
    assert [key for key, _ in records(KEY, signalled, new)] == [KEY]
    assert [key for key, _ in records(KEY, signalled, None)] == [KEY, f"{KEY}\tdraft", f"{KEY}\tcheck"]


def test_that_a_run_that_ends_takes_its_steps_off_the_log_and_one_that_is_forgotten_itself() -> None:
    run, done = _run(draft=StepRun(), check=StepRun()), Done("d", 700.0)
    ended = records(KEY, done, run)
    assert [(key, value is None) for key, value in ended] == [
        (KEY, False),
        (f"{KEY}\tdraft", True),
        (f"{KEY}\tcheck", True),
    ]
    assert [key for key, _ in records(KEY, done, None)] == [KEY]  # a run that was never written leaves none
    assert records(KEY, None, done) == [(KEY, None)]
    assert _read([*records(KEY, run, None), *ended, (KEY, None)]) == {}


def test_that_steps_of_an_older_run_of_the_same_id_are_not_taken_for_the_new_ones() -> None:
    old = _run(draft=StepRun(status="succeeded", output="old"), check=StepRun())
    new = replace(_run(last=StepRun()), accepted_at=500.25)
    log = [*records(KEY, old, None), *records(KEY, Done("d", 20.0), old)[:1], *records(KEY, new, None)]
    assert _read(log) == {KEY: new}  # though the removal of the old steps was cut short


def test_that_the_values_are_json_for_people_without_what_goes_without_saying() -> None:
    head, step = records(KEY, _run(draft=StepRun(status="running", wake_at=20.0, output={"a": None})), None)
    assert json.loads(head[1] or b"") == {
        "run": {
            "task_id": KEY,
            "task": {"id": KEY, "input": {"q": "why"}},
            "digest": "d",
            "accepted_at": 10.5,
            "deadline": 99.0,
            "version": 1,
        }
    }
    assert json.loads(step[1] or b"") == {
        "task_id": KEY,
        "accepted_at": 10.5,
        "name": "draft",
        "number": 0,
        "step": {"status": "running", "wake_at": 20.0, "output": {"a": None}},
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", b""),
        ("a", b"{}"),
        ("a", b"[]"),
        ("a", b'{"run": {}}'),
        ("a", b'{"done": {"digest": 3}}'),
        ("a\tdraft", b"{}"),
        ("a\tdraft", b'{"step": {}}'),
        ("a", b"[" * 100_000),
        ("a", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    ],
)
def test_that_what_is_none_of_ours_is_named_and_spoils_nothing(key: str, value: bytes) -> None:
    assembler = Assembler()
    assembler.add(key, value)
    for record in records(KEY, _run(draft=StepRun()), None):
        assembler.add(*record)
    assert assembler.states() == {KEY: _run(draft=StepRun())}
    assert list(assembler.refused) == [key]


def test_that_a_state_is_as_old_as_the_oldest_of_its_records() -> None:
    run = _run(draft=StepRun(), check=StepRun())
    assembler = Assembler()
    for at, (key, value) in zip((300.0, 100.0, 200.0), records(KEY, run, None), strict=True):
        assembler.add(key, value, at)
    assembler.add(*records(KEY, replace(run, accepted_at=1.0), None)[0], 50.0)
    assembler.states()
    assert assembler.written_at(KEY) == 50.0  # a head whose steps were not saved
    assembler.add(*records(KEY, run, None)[0], 300.0)
    assembler.states()
    assert assembler.written_at(KEY) == 100.0


def test_that_an_answer_that_is_the_output_is_written_once() -> None:
    texts = ["first " * 100, "second " * 100]
    responses = tuple(
        ModelResponse(id=text[:1], task_id=KEY, step="s", branch=text[:1], model="m", text=text) for text in texts
    )
    run = _run(s=StepRun(status="succeeded", responses=responses, output=responses[1].text))
    _, step = records(KEY, run, None)
    assert step[1]
    assert [step[1].count(text.encode()) for text in texts] == [1, 1]
    assert _read(records(KEY, run, None)) == {KEY: run}
    again = _read(records(KEY, run, None))[KEY]
    assert records(KEY, again, None) == records(KEY, run, None)


def test_that_an_output_of_its_own_is_written_beside_the_answers() -> None:
    response = ModelResponse(id="a", task_id=KEY, step="s", branch="a", model="m", text="said")
    run = _run(s=StepRun(status="succeeded", responses=(response,), output={"fused": "said"}))
    assert _read(records(KEY, run, None)) == {KEY: run}


def test_that_an_answer_that_came_early_leaves_the_head_only_when_its_step_is_written() -> None:
    """Its event is finished long since: if a crash took the step's record and not the answer, it would be lost."""
    early = EarlyResponse.of(StepResult(id="t/check/connector/1", task_id=KEY, step="check", output=7))
    old = replace(_run(draft=StepRun(status="running")), early={"t/check/connector/1": early})
    new = replace(
        _with_steps(old, {"draft": StepRun(status="succeeded"), "check": StepRun(status="succeeded", output=7)}),
        early={},
    )
    changed = records(KEY, new, old)
    assert [key for key, _ in changed] == [f"{KEY}\tdraft", f"{KEY}\tcheck", KEY]
    for cut in range(len(changed)):
        left = _read([*records(KEY, old, None), *changed[:cut]])[KEY]
        assert isinstance(left, Run)
        assert left.early or left.steps["check"].output == 7
    assert next(key for key, _ in records(KEY, old, new)) == KEY


def test_that_data_as_deep_as_an_event_may_be_are_read_back_with_the_run() -> None:
    depth = 250
    with pytest.raises(InvalidEvent, match="nested more than 200 deep"):
        tasks.TASKS.parse(_deep(depth), max_bytes=10_000)
    deepest: Task | None = None
    while deepest is None:
        depth -= 1
        with suppress(InvalidEvent):
            deepest = tasks.TASKS.parse(_deep(depth), max_bytes=10_000)
    run = replace(_run(draft=StepRun(output=deepest.input)), task=deepest)
    assert _read(records(KEY, run, None)) == {KEY: run}


def _deep(depth: int) -> bytes:
    return b'{"input": {"x": ' + b"[" * depth + b"]" * depth + b"}}"
