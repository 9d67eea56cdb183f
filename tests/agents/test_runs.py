from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from agents.runs import Runs, partition_of, task_id
from app.delivery.envelope import Outgoing
from app.errors import InvalidEvent
from app.settings import AskSettings, Settings
from app.workflows.run import Done, Run, decode
from tests.agents.parts import PARTITIONS, Measured, received, runs
from topics import MODEL_REQUESTS, RESULTS, TASKS
from topics.base import Failure
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Candidate, Result
from topics.tasks import Task

NOW = 1_700_000_000.0
TASK = Task(id="t", input={"question": "why?"})
HOME = partition_of("t", PARTITIONS)


@pytest.fixture
def metrics() -> Measured:
    return Measured()


@pytest.fixture
def mind(metrics: Measured) -> Runs:
    return runs(Settings(ask=AskSettings(retrieve=False)), metrics)


def _response(request_id: str) -> ModelResponse:
    return ModelResponse(id=request_id, task_id="t", step="answer", branch="local", model="local", text="Because.")


@given(key=st.text(min_size=1), partitions=st.integers(1, 100))
def test_that_a_key_has_the_partition_that_kafka_gives_it(key: str, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key.encode(), every, every)


@pytest.mark.parametrize(
    ("own", "key", "expected"),
    [
        ("mine", b"key", "mine"),
        (None, b"key", "key"),
        (None, b"  key\n", "key"),
        (None, b"  ", "topic-2-7"),
        (None, b"", "topic-2-7"),
        (None, None, "topic-2-7"),
        (None, b"\xff", "topic-2-7"),
        (None, b"k" * 200, "k" * 200),
        (None, b"k" * 201, "topic-2-7"),
    ],
)
def test_that_a_task_has_its_own_id_or_its_keys_or_its_places(
    own: str | None, key: bytes | None, expected: str
) -> None:
    found = task_id(received(Task(id=own, input={}), key=key))
    assert found == expected
    assert Task(id=found, input={}).id == expected  # it is a valid one


def test_that_a_task_at_home_begins_its_run(mind: Runs) -> None:
    decision = mind.decide(None, received(TASK, partition=HOME), NOW)
    (request,) = decision.outgoing
    assert (request.topic, request.key, request.id, request.partition) == (
        MODEL_REQUESTS,
        "t",
        "t/answer/local/1",
        HOME,
    )
    assert isinstance(decision.value, Run)
    assert decode(mind.encode(decision.value)) == decision.value


@pytest.mark.parametrize("task", [TASK, Task(input={"question": "why?"})])
def test_that_a_misplaced_task_is_sent_home_with_its_id_and_begins_there(mind: Runs, task: Task) -> None:
    elsewhere = received(task, key=b"t", partition=(HOME + 1) % PARTITIONS)
    decision = mind.decide(None, elsewhere, NOW)
    (moved,) = decision.outgoing
    assert decision.value is None
    assert (moved.topic, moved.key, moved.partition, moved.id) == (TASKS, "t", HOME, "cause")
    assert moved.event == Task(id="t", input={"question": "why?"})
    again = mind.decide(None, received(moved.event, partition=HOME), NOW)
    assert isinstance(again.value, Run)
    assert mind.key(elsewhere) == mind.key(received(moved.event)) == "t"


def test_that_a_task_that_comes_again_changes_nothing(mind: Runs) -> None:
    run = mind.decide(None, received(TASK, partition=HOME), NOW).value
    decision = mind.decide(run, received(TASK, partition=HOME), NOW + 1)
    assert (decision.value, list(decision.outgoing), decision.wait) == (None, [], False)


def test_that_another_task_of_its_id_is_refused(mind: Runs) -> None:
    run = mind.decide(None, received(TASK, partition=HOME), NOW).value
    with pytest.raises(InvalidEvent, match="other content"):
        mind.decide(run, received(Task(id="t", input={"question": "what?"}), partition=HOME), NOW)


def test_that_an_answer_before_its_task_waits(mind: Runs) -> None:
    early = received(_response("t/answer/local/1"), partition=HOME)
    assert mind.decide(None, early, NOW).wait
    assert mind.key(early) == "t"


def test_that_an_answer_ends_the_run_with_one_result_where_the_answer_came(mind: Runs, metrics: Measured) -> None:
    run = mind.decide(None, received(TASK, partition=HOME), NOW).value
    decision = mind.decide(run, received(_response("t/answer/local/1"), partition=HOME), NOW + 1)
    (result,) = decision.outgoing
    assert (result.topic, result.key, result.id, result.partition) == (RESULTS, "t", "t/result", HOME)
    assert isinstance(result.event, Result)
    assert result.event.answer == "Because."
    assert isinstance(decision.value, Done)
    assert metrics.runs == [("ask", "succeeded")]
    assert mind.wake(decision.value, NOW + 10_000).forget


def test_that_time_ends_a_run_in_the_trace_of_its_task(mind: Runs, metrics: Measured) -> None:
    traced = received(TASK, partition=HOME)
    object.__setattr__(traced, "traceparent", "00-trace")
    run = mind.decide(None, traced, NOW).value
    assert isinstance(run, Run)
    decision = mind.wake(run, run.wake_at)
    (result,) = decision.outgoing
    assert (result.id, result.partition, result.traceparent) == ("t/result", HOME, "00-trace")
    assert metrics.runs == [("ask", "failed")]


def test_that_the_same_events_make_the_same_commands(mind: Runs) -> None:
    one, other = (mind.decide(None, received(TASK, partition=HOME), NOW) for _ in range(2))
    assert [outgoing.event.to_json() for outgoing in one.outgoing] == [o.event.to_json() for o in other.outgoing]
    assert all(isinstance(outgoing.event, ModelRequest) for outgoing in one.outgoing)


def test_that_a_result_that_is_too_large_is_sent_as_a_failed_one_without_its_texts(mind: Runs) -> None:
    answered = Result(
        task_id="t",
        workflow="ask",
        status="succeeded",
        answer="Because.",
        candidates=(Candidate(branch="b", model="m", text="Because."),),
        accepted_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
    )
    request = Outgoing(TASKS, "t", TASK, "t", HOME)
    outgoing = [request, Outgoing(RESULTS, "t", answered, "t/result", HOME)]
    (small,) = mind.lesser(outgoing, InvalidEvent("too_large", "17 MB"))
    assert isinstance(small.event, Result)
    assert (small.id, small.event.error) == ("t/result", Failure(code="too_large", message="17 MB"))
    assert (small.event.status, small.event.candidates, small.event.answer) == ("failed", (), None)
