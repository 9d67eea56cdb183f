from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.workflows.run import Answer, Done, Run, StepRun, decode, digest, encode
from topics.base import Failure
from topics.model_responses import ModelResponse, Usage
from topics.retrieval_results import Chunk
from topics.tasks import Task

TIMES = st.floats(0, 4e9)
TEXT = st.text(max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FAILURES = st.builds(Failure, code=TEXT, message=TEXT)
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
    usage=st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
    error=st.none() | FAILURES,
    seconds=TIMES,
    embedding=st.none() | TEXT,
)
STEPS = st.builds(
    StepRun,
    status=st.sampled_from(["waiting", "running", "succeeded", "failed"]),
    started_at=TIMES,
    ends_at=TIMES,
    ended_at=TIMES,
    asked=st.integers(0, 5),
    outstanding=st.frozensets(TEXT, max_size=3),
    chunks=st.lists(CHUNKS, max_size=2).map(tuple),
    responses=st.lists(RESPONSES, max_size=2).map(tuple),
    answer=st.none() | st.builds(Answer, text=TEXT, branch=TEXT, agreement=st.floats(0, 1), reason=TEXT),
    error=st.none() | FAILURES,
)
TASKS = st.builds(Task, id=st.none() | st.just("t"), workflow=TEXT, input=st.dictionaries(TEXT, VALUES, max_size=4))
RUNS = st.builds(
    Run,
    task_id=TEXT,
    task=TASKS,
    digest=TEXT,
    version=st.integers(1, 9),
    accepted_at=TIMES,
    deadline=TIMES,
    steps=st.dictionaries(TEXT, STEPS, max_size=3),
    traceparent=st.none() | TEXT,
)
DONES = st.builds(Done, digest=TEXT, forget_at=TIMES)


@given(state=RUNS | DONES)
def test_that_a_state_is_read_back_as_it_was_written(state: Run | Done) -> None:
    restored = decode(encode(state))
    assert restored == state
    assert type(restored) is type(state)
    if isinstance(state, Run) and isinstance(restored, Run):
        assert list(restored.steps) == list(state.steps)  # citations are numbered in this order


@given(task=TASKS)
def test_that_a_tasks_digest_survives_the_log(task: Task) -> None:
    assert digest(Task.model_validate_json(task.to_json())) == digest(task)


def test_that_a_digest_is_of_what_is_asked_for() -> None:
    task = Task(id="a", input={"x": 1}, metadata={"m": "1"})
    assert digest(task) == digest(Task(id="b", input={"x": 1}, metadata={"m": "2"}))
    assert digest(task) != digest(Task(id="a", input={"x": 2}))
    assert digest(task) != digest(Task(id="a", input={"x": 1}, workflow="other"))


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"kind": "run"}', b'{"kind": "done", "digest": 3}'])
def test_that_what_is_no_state_is_refused(value: bytes) -> None:
    with pytest.raises(ValidationError):
        decode(value)


def test_that_a_run_wants_attention_at_its_next_time_out() -> None:
    steps = {
        "over": StepRun(status="failed", ends_at=1.0),
        "later": StepRun(status="running", ends_at=30.0),
        "sooner": StepRun(status="running", ends_at=20.0),
        "waiting": StepRun(),
    }
    run = Run("t", Task(input={}), "d", 1, accepted_at=0.0, deadline=50.0, steps=steps)
    assert run.wake_at == 20.0
    assert Run("t", Task(input={}), "d", 1, accepted_at=0.0, deadline=50.0, steps={}).wake_at == 50.0
    assert Done("d", 7.0).wake_at == 7.0
