from __future__ import annotations

from hypothesis import given

from app.workflows.run import Done, Run, Semaphore, StepRun, WebhookRetry, digest
from tests.workflows.test_records import TASKS
from tests.workflows.test_webhooks import request
from topics.model_responses import ModelResponse, Usage
from topics.tasks import Task


@given(task=TASKS)
def test_that_a_tasks_digest_survives_the_log(task: Task) -> None:
    assert digest(Task.model_validate_json(task.to_json())) == digest(task)


def test_that_a_digest_is_of_what_is_asked_for() -> None:
    task = Task(id="a", input={"x": 1}, metadata={"m": "1"})
    assert digest(task) == digest(Task(id="b", input={"x": 1}, metadata={"m": "2"}))
    assert digest(task) != digest(Task(id="a", input={"x": 2}))
    assert digest(task) != digest(Task(id="a", input={"x": 1}, workflow="other"))


def _run(**fields: object) -> Run:
    return Run("t", Task(input={}), "d", accepted_at=0.0, deadline=50.0, **fields)  # type: ignore[arg-type]  # a test's


def test_that_a_run_wants_attention_at_its_next_time_out() -> None:
    assert _run(version=1, active={"later": 30.0, "sooner": 20.0}).wake_at == 20.0
    assert _run(version=1).wake_at == 50.0
    assert _run(version=1, active={"late": 60.0}).wake_at == 50.0
    assert _run(look_at=0.25).wake_at == 0.25
    assert Done("d", 7.0).wake_at == 7.0
    assert Semaphore(holders={"a": 9.0}, queue=((0, 0, "b", "b/slot", 8.0),)).wake_at == 8.0
    assert Semaphore().wake_at == 0.0
    assert WebhookRetry(request(), 9.0).wake_at == 9.0


def test_that_usage_is_of_all_attempts_and_calls() -> None:
    def response(tokens: int) -> ModelResponse:
        usage = Usage(input_tokens=tokens)
        return ModelResponse(id="i", task_id="t", step="s", branch="b", model="m", usage=usage)

    step = StepRun(spent=Usage(input_tokens=1), responses=(response(2),), replies=(response(4),))
    assert step.usage.input_tokens == 7
