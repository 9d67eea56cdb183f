from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.delivery.envelope import Outgoing
from app.delivery.stateful_processor import Decision
from app.errors import InvalidEvent, PoisonEvent
from app.partitioner import partition_of
from app.settings import AskSettings, Settings
from app.worker.run_state_machine import RunStateMachine
from app.workflows.child_workflows import PARENT
from app.workflows.definition.spec import Workflow
from app.workflows.run import Done, Run, Semaphore
from tests.agents.deps import PARTITIONS, Measured, received
from tests.agents.engine_contexts import runs
from tests.delivery.fakes import Message
from topics import (
    BUDGETS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULTS,
    RETRIEVAL_RESULTS,
    SIGNALS,
    SLOTS,
    STEP_RESULTS,
    TASKS,
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
)
from topics.base import Failure
from topics.budgets import BudgetEvent
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Candidate, Result
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult
from topics.signals import Signal
from topics.slots import SlotEvent
from topics.step_requests import StepRequest
from topics.step_results import StepResult
from topics.tasks import Parent, Task, task_id
from topics.webhook_requests import WebhookBody, WebhookRequest
from topics.webhook_results import WebhookResult

NOW = 1_700_000_000.0
TASK = Task(id="t", input={"question": "why?"})
HOME = partition_of("t", PARTITIONS)
TOO_LARGE = InvalidEvent("too_large", "17 MB")


@pytest.fixture
def metrics() -> Measured:
    return Measured()


@pytest.fixture
def machine(metrics: Measured) -> RunStateMachine:
    return runs(Settings(ask=AskSettings(retrieve=False)), metrics)


def _response(request_id: str) -> ModelResponse:
    return ModelResponse(id=request_id, task_id="t", step="answer", branch="local", model="local", text="Because.")


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
        (None, b"a\tb", "topic-2-7"),
        (None, b"k" * 200, "k" * 200),
        (None, b"k" * 201, "topic-2-7"),
    ],
)
def test_that_a_task_has_its_own_id_or_its_keys_or_its_places(
    own: str | None, key: bytes | None, expected: str
) -> None:
    task = Task(id=own, input={})
    found = task_id(task, received(task, key=key))
    assert found == expected
    assert Task(id=found, input={}).id == expected  # it is a valid one


def test_that_a_task_at_home_begins_its_run(machine: RunStateMachine) -> None:
    decision = machine.decide(None, received(TASK, partition=HOME), NOW)
    (request,) = decision.outgoing
    assert (request.topic, request.key, request.id, request.partition) == (
        MODEL_REQUESTS,
        "t",
        "t/answer/local/1",
        HOME,
    )
    assert isinstance(decision.value, Run)
    assert machine.records("t", decision.value, None)[0][0] == "t"


@pytest.mark.parametrize("task", [TASK, Task(input={"question": "why?"})])
def test_that_a_misplaced_task_is_sent_home_with_its_id_and_begins_there(machine: RunStateMachine, task: Task) -> None:
    elsewhere = received(task, key=b"t", partition=(HOME + 1) % PARTITIONS)
    decision = machine.decide(None, elsewhere, NOW)
    (moved,) = decision.outgoing
    assert decision.value is None
    assert (moved.topic, moved.key, moved.partition, moved.id) == (TASKS, "t", HOME, "cause")
    assert moved.event == Task(id="t", input={"question": "why?"})
    again = machine.decide(None, received(moved.event, partition=HOME), NOW)
    assert isinstance(again.value, Run)
    assert machine.key(elsewhere) == machine.key(received(moved.event)) == "t"


def test_that_a_task_that_comes_again_changes_nothing(machine: RunStateMachine) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    decision = machine.decide(run, received(TASK, partition=HOME), NOW + 1)
    assert (decision.value, list(decision.outgoing), decision.wait) == (None, [], None)


def test_that_another_task_of_its_id_is_refused(machine: RunStateMachine) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    with pytest.raises(InvalidEvent, match="other content"):
        machine.decide(run, received(Task(id="t", input={"question": "what?"}), partition=HOME), NOW)


def test_that_an_answer_before_its_task_waits(machine: RunStateMachine) -> None:
    early = received(_response("t/answer/local/1"), partition=HOME)
    assert machine.decide(None, early, NOW).wait
    assert machine.key(early) == "t"


def test_that_an_answer_ends_the_run_with_one_result_where_the_answer_came(
    machine: RunStateMachine, metrics: Measured
) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    decision = machine.decide(run, received(_response("t/answer/local/1"), partition=HOME), NOW + 1)
    (result,) = decision.outgoing
    assert (result.topic, result.key, result.id, result.partition) == (RESULTS, "t", "t/result", HOME)
    assert isinstance(result.event, Result)
    assert result.event.answer == "Because."
    assert isinstance(decision.value, Done)
    assert metrics.runs == [("ask", "succeeded")]
    assert machine.wake(decision.value, NOW + 10_000).forget


def test_that_time_ends_a_run_in_the_trace_of_its_task(machine: RunStateMachine, metrics: Measured) -> None:
    traced = received(TASK, partition=HOME)
    object.__setattr__(traced, "traceparent", "00-trace")
    run = machine.decide(None, traced, NOW).value
    assert isinstance(run, Run)
    decision = machine.wake(run, run.wake_at)
    (result,) = decision.outgoing
    assert (result.id, result.partition, result.traceparent) == ("t/result", HOME, "00-trace")
    assert metrics.runs == [("ask", "failed")]


def test_that_the_same_events_make_the_same_commands(machine: RunStateMachine) -> None:
    one, other = (machine.decide(None, received(TASK, partition=HOME), NOW) for _ in range(2))
    assert [outgoing.event.to_json() for outgoing in one.outgoing] == [o.event.to_json() for o in other.outgoing]
    assert all(isinstance(outgoing.event, ModelRequest) for outgoing in one.outgoing)


def test_that_a_result_that_is_too_large_is_sent_as_a_failed_one_without_its_texts(machine: RunStateMachine) -> None:
    answered = Result(
        task_id="t",
        workflow="ask",
        status="succeeded",
        answer="Because.",
        candidates=(Candidate(branch="b", model="m", text="Because."),),
        accepted_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
    )
    small = machine.substitute(Outgoing(RESULTS, "t", answered, "t/result", HOME), TOO_LARGE)
    assert small
    assert isinstance(small.event, Result)
    assert (small.id, small.event.error) == ("t/result", Failure(code="too_large", message="17 MB"))
    assert (small.event.status, small.event.candidates, small.event.answer) == ("failed", (), None)


def test_that_a_request_that_is_too_large_is_answered_with_that_at_once(machine: RunStateMachine) -> None:
    asked = machine.decide(None, received(TASK, partition=HOME), NOW)
    (request,) = asked.outgoing
    small = machine.substitute(request, TOO_LARGE)
    assert small
    assert (small.topic, small.key, small.partition) == (MODEL_RESPONSES, "t", HOME)
    (result,) = machine.decide(asked.value, received(small.event, partition=HOME), NOW).outgoing
    assert isinstance(result.event, Result)
    assert result.event.error
    assert result.event.error.code == "too_large"


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (RetrievalRequest(id="i", task_id="t", step="s", query="q"), RETRIEVAL_RESULTS),
        (StepRequest(id="i", task_id="t", step="s", connector="c"), STEP_RESULTS),
        (StepResult(id="i", task_id="t", step="s", output="long"), STEP_RESULTS),
        (Task(id="i", input={}, parent=Parent(task_id="t", step="s", request_id="i")), STEP_RESULTS),
    ],
)
def test_that_whoever_waits_for_what_is_too_large_is_told(machine: RunStateMachine, event: Any, topic: Any) -> None:
    small = machine.substitute(Outgoing(TASKS, "x", event, "x", 0), TOO_LARGE)
    assert small
    assert (small.topic, small.key, small.partition) == (topic, "t", HOME)
    told: Any = small.event
    assert (told.id, told.task_id, told.step, told.error.code) == ("i", "t", "s", "too_large")


def test_that_a_signal_that_is_too_large_has_no_stand_in(machine: RunStateMachine) -> None:
    assert machine.substitute(Outgoing(SIGNALS, "t", Signal(task_id="t"), "t", 0), TOO_LARGE) is None


# --- signals, children and slots --------------------------------------------------------------------------


def test_that_a_misplaced_signal_is_sent_home(machine: RunStateMachine) -> None:
    signal = Signal(task_id="t", name="approval")
    (moved,) = machine.decide(None, received(signal, partition=(HOME + 1) % PARTITIONS), NOW).outgoing
    assert (moved.topic, moved.key, moved.partition, moved.event) == (SIGNALS, "t", HOME, signal)


def test_that_a_signal_waits_for_its_run_and_is_a_dead_letter_when_none_comes(machine: RunStateMachine) -> None:
    signal = received(Signal(task_id="t", name="approval"), partition=HOME)
    assert machine.decide(None, signal, NOW).wait
    error = machine.orphan(signal)
    assert error
    assert (error.reason, str(error)) == ("unknown_run", "no run of the task t is under way")
    assert machine.orphan(received(Signal(task_id="t", kind="cancel", actor=PARENT))) is None
    assert machine.orphan(received(_response("x"))) is None


def test_that_a_run_can_be_cancelled(machine: RunStateMachine, metrics: Measured) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    cancel = Signal(task_id="t", kind="cancel", actor="ada", name="a mistake")
    (result,) = machine.decide(run, received(cancel, partition=HOME), NOW).outgoing
    assert isinstance(result.event, Result)
    assert result.event.status == "cancelled"
    assert result.event.error == Failure(code="cancelled", message="ada cancelled it: a mistake")
    assert metrics.runs == [("ask", "cancelled")]


def _flow(**fields: object) -> Workflow:
    return Workflow.model_validate({"id": "flow", **fields})


def test_that_a_child_goes_to_its_own_partition_and_its_outcome_to_that_of_its_parent(metrics: Measured) -> None:
    child = {"kind": "workflow", "workflow": "flow", "input": {}}
    machine = runs(
        Settings(),
        metrics,
        _flow(steps={"one": {"kind": "transform", "value": "1"}}),
        _flow(id="up", steps={"sub": child}),
    )
    task = Task(id="t", workflow="up", input={})
    begun = machine.decide(None, received(task, partition=HOME), NOW)
    (sent,) = begun.outgoing
    home = partition_of("t/sub/workflow/1", PARTITIONS)
    assert (sent.topic, sent.key, sent.id, sent.partition) == (TASKS, "t/sub/workflow/1", "t/sub/workflow/1", home)
    ended = machine.decide(None, received(sent.event, partition=home), NOW)
    result, told = ended.outgoing
    assert (result.topic, result.key) == (RESULTS, "t/sub/workflow/1")
    assert (told.topic, told.key, told.id, told.partition) == (STEP_RESULTS, "t", "t/sub/workflow/1/result", HOME)
    (last,) = machine.decide(begun.value, received(told.event, partition=HOME), NOW).outgoing
    assert isinstance(last.event, Result)
    assert last.event.answer == 1


def test_that_slots_are_asked_for_handed_out_and_given_back(metrics: Measured) -> None:
    limit = {"limit": 1, "key": "input.tenant"}
    machine = runs(Settings(), metrics, _flow(concurrency=limit, steps={"one": {"kind": "wait", "signal": "go"}}))
    task = Task(id="t", workflow="flow", input={"tenant": "x"})
    begun = machine.decide(None, received(task, partition=HOME), NOW)
    (asked,) = begun.outgoing
    place = partition_of("flow/x", PARTITIONS)
    assert (asked.topic, asked.key, asked.id, asked.partition) == (SLOTS, "flow/x", "t/slot/acquire", place)
    event = received(asked.event, partition=place)
    assert machine.key(event) == "slot\tflow/x"
    handed = machine.decide(None, event, NOW)
    assert isinstance(handed.value, Semaphore)
    (grant,) = handed.outgoing
    assert (grant.topic, grant.key, grant.partition) == (STEP_RESULTS, "t", HOME)
    assert isinstance(grant.event, StepResult)
    going = machine.decide(begun.value, received(grant.event, partition=HOME), NOW)
    assert isinstance(going.value, Run)
    cancel = received(Signal(task_id="t", kind="cancel"), partition=HOME)
    _, back = machine.decide(going.value, cancel, NOW).outgoing
    assert isinstance(back.event, SlotEvent)
    assert (back.event.action, back.id) == ("release", "t/slot/release")
    empty = machine.decide(handed.value, received(back.event, partition=place), NOW)
    assert isinstance(empty.value, Semaphore)
    assert machine.wake(empty.value, NOW).forget


def test_that_slots_that_expire_are_handed_on_by_time(metrics: Measured) -> None:
    machine = runs(Settings(), metrics)
    until = datetime.fromtimestamp(NOW + 10, UTC)
    first, second = (
        SlotEvent(id=f"{task}/slot", action="acquire", workflow="w", key="", task_id=task, expires_at=until)
        for task in "ab"
    )
    place, later = partition_of("w/", PARTITIONS), until + timedelta(seconds=60)
    slots = machine.decide(None, received(first, partition=place), NOW).value
    slots = machine.decide(slots, received(second.model_copy(update={"expires_at": later}), partition=place), NOW).value
    assert isinstance(slots, Semaphore)
    (grant,) = machine.wake(slots, NOW + 10).outgoing
    assert grant.key == "b"


def test_that_a_parents_cancellation_waits_as_long_for_its_child_as_an_answer_for_its_run(
    machine: RunStateMachine,
) -> None:
    """Tasks may be far behind signals: a child that nobody needs is not to be paid for."""
    parents, anothers = (Signal(task_id="t", kind="cancel", actor=actor) for actor in (PARENT, "ada"))
    patience = machine.decide(None, received(parents, partition=HOME), NOW).wait
    assert patience == machine.decide(None, received(_response("x"), partition=HOME), NOW).wait
    assert patience
    assert patience > (machine.decide(None, received(anothers, partition=HOME), NOW).wait or 0)


def test_that_a_run_that_a_defect_holds_up_ends_with_its_deadline(
    machine: RunStateMachine, metrics: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    assert isinstance(run, Run)

    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr("app.worker.run_state_machine.advance", broken)
    with pytest.raises(RuntimeError):
        machine.wake(run, run.deadline - 1)
    decision = machine.wake(run, run.deadline)
    (result,) = decision.outgoing
    assert isinstance(result.event, Result)
    assert result.event.error
    assert result.event.error.code == "internal"
    assert isinstance(decision.value, Done)
    assert metrics.runs == [("ask", "failed")]


POISON = PoisonEvent("3 workers died while they processed it")


def test_that_of_a_task_that_kills_the_result_is_failed_and_a_parent_is_told(machine: RunStateMachine) -> None:
    parent = Parent(task_id="p", step="child", request_id="p/child/1", workflow="w")
    task = TASK.model_copy(update={"parent": parent, "metadata": {"tenant": "a"}})
    result, answer = machine.poisoned(received(task), POISON)
    assert (result.topic, result.key, result.partition) == (RESULTS, "t", HOME)
    assert isinstance(result.event, Result)
    assert (result.event.status, result.event.error) == ("failed", Failure.of(POISON))
    assert result.event.metadata == {"tenant": "a"}
    told = StepResult(id="p/child/1", task_id="p", step="child", error=Failure.of(POISON))
    assert (answer.topic, answer.key, answer.event) == (STEP_RESULTS, "p", told)


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (_response("t/answer/local/1"), MODEL_RESPONSES),
        (RetrievalResult(id="t/retrieve/1", task_id="t", step="retrieve"), RETRIEVAL_RESULTS),
        (StepResult(id="t/call/1", task_id="t", step="call", output="much"), STEP_RESULTS),
    ],
)
def test_that_a_failed_answer_stands_in_for_one_that_kills_but_only_once(
    machine: RunStateMachine, event: Any, topic: Any
) -> None:
    (told,) = machine.poisoned(received(event), POISON)
    said = told.event.model_dump()
    assert (told.topic, said["id"], said["error"]["code"]) == (topic, event.id, "poison")
    assert not any(said.get(name) for name in ("text", "output", "chunks"))
    assert list(machine.poisoned(received(told.event), POISON)) == []


def test_that_nobody_waits_for_what_follows_from_a_signal(machine: RunStateMachine) -> None:
    assert list(machine.poisoned(received(Signal(task_id="t", kind="signal", name="go")), POISON)) == []


def test_that_what_was_passed_over_in_a_task_is_in_its_result(machine: RunStateMachine) -> None:
    task = received(TASK, partition=HOME)
    noted = replace(task, unknown=["piority", "xyz"], notes=["a number is rounded"])
    run = machine.decide(None, noted, NOW).value
    ended = machine.decide(run, received(_response("t/answer/local/1"), partition=HOME), NOW + 1)
    (result,) = ended.outgoing
    assert isinstance(result.event, Result)
    first, second, third = result.event.warnings or ()
    assert first == "piority: unknown key; did you mean `priority`?"
    known = "deadline, id, input, metadata, priority, roles, tenant, version, webhook, workflow"
    assert second == f"xyz: unknown key; known keys: {known}"
    assert third == "a number is rounded"
    assert Result.model_validate_json(result.event.to_json()).warnings == (first, second, third)


def test_that_a_good_task_has_no_warnings(machine: RunStateMachine) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    (result,) = machine.decide(run, received(_response("t/answer/local/1"), partition=HOME), NOW + 1).outgoing
    assert b"warnings" not in result.event.to_json()


def test_that_warnings_are_few(machine: RunStateMachine) -> None:
    noted = replace(received(TASK, partition=HOME), unknown=[f"k{number}" for number in range(1000)])
    run = machine.decide(None, noted, NOW).value
    assert isinstance(run, Run)
    assert len(run.warnings) == 20


HOOKED = TASK.model_copy(update={"webhook": "https://a.example/hook"})


def test_that_a_webhook_is_told_of_the_end_of_a_run_beside_its_result(machine: RunStateMachine) -> None:
    run = machine.decide(None, received(HOOKED, partition=HOME), NOW).value
    result, told = machine.decide(run, received(_response("t/answer/local/1"), partition=HOME), NOW + 1).outgoing
    assert (result.topic, told.topic, told.key, told.partition) == (RESULTS, WEBHOOK_REQUESTS, "t", HOME)
    assert (told.id, told.event.body.data["answer"]) == ("t/webhook/1", "Because.")  # type: ignore[attr-defined]


def test_that_a_webhook_is_told_of_a_run_that_never_began(machine: RunStateMachine) -> None:
    (told,) = _rejected(machine, b'{"id": "t", "tenant": "acme", "webhook": "crm"}')
    result, request = machine.decide(None, received(told.event, partition=HOME), NOW).outgoing
    assert isinstance(result.event, Result)
    assert isinstance(request.event, WebhookRequest)
    assert (request.event.webhook, request.event.tenant, request.event.body.type) == ("crm", "acme", "task.failed")
    told_of_poison = machine.poisoned(received(HOOKED, partition=HOME), PoisonEvent("it kills"))
    assert [one.topic for one in told_of_poison] == [RESULTS, WEBHOOK_REQUESTS]


def test_that_a_webhook_with_what_cannot_be_sent_has_the_outcome_alone(machine: RunStateMachine) -> None:
    run = machine.decide(None, received(HOOKED, partition=HOME), NOW).value
    _, told = machine.decide(run, received(_response("t/answer/local/1"), partition=HOME), NOW + 1).outgoing
    small = machine.substitute(told, TOO_LARGE)
    assert small
    assert isinstance(small.event, WebhookRequest)
    assert (small.id, small.event.body.data["partial"], "answer" in small.event.body.data) == (told.id, True, False)


def test_that_a_failed_webhook_is_kept_until_its_time_and_then_forgotten(machine: RunStateMachine) -> None:
    body = WebhookBody(type="task.failed", timestamp=datetime.fromtimestamp(NOW, UTC), data={})
    again = WebhookRequest(id="t/webhook/2", task_id="t", webhook="crm", attempt=2, body=body)
    at = datetime.fromtimestamp(NOW + 5, UTC)
    failed = WebhookResult(id="t/webhook/1", task_id="t", attempt=1, retry_at=at, next=again)
    assert machine.key(received(failed)) == "webhook\t/t"
    elsewhere = machine.decide(None, received(failed, partition=HOME + 1), NOW)
    assert [(one.topic, one.partition) for one in elsewhere.outgoing] == [(WEBHOOK_RESULTS, HOME)]
    kept = machine.decide(None, received(failed, partition=HOME), NOW).value
    assert kept
    early = machine.wake(kept, NOW + 4)
    assert (early.value, list(early.outgoing)) == (None, [])
    decision = machine.wake(kept, NOW + 5)
    assert [(one.topic, one.id, one.partition) for one in decision.outgoing] == [
        (WEBHOOK_REQUESTS, "t/webhook/2", HOME)
    ]
    assert decision.value
    delivered = WebhookResult(id="t/webhook/2", task_id="t", attempt=2)
    over = machine.decide(decision.value, received(delivered, partition=HOME), NOW + 6).value
    assert over
    assert machine.wake(over, NOW + 6) == Decision(forget=True)
    assert machine.wake(decision.value, NOW + 3600) == Decision(forget=True)
    assert machine.decide(None, received(delivered, partition=HOME), NOW).value is None


def _rejected(machine: RunStateMachine, value: bytes | None, key: bytes | None = None) -> list[Outgoing]:
    message = Message("tasks", 5, 9, key, value, [("traceparent", b"00-theirs")])
    try:
        TASKS.decode(value, max_bytes=100, key=key)
    except InvalidEvent as error:
        return list(machine.rejected(TASKS, message, error))
    raise AssertionError("it is valid")


@pytest.mark.parametrize(
    ("value", "key", "code", "words"),
    [
        (b'{"id": "t", "workflow": "w", "metadata": {"a": "b"}}', None, "invalid_event", "input: is required"),
        (
            b'{"id": "t", "workflow": "w", "metadata": {"a": "b"}, "input"',
            b"t",
            "invalid_event",
            "Invalid JSON: it ends",
        ),
        (b'{"id": "t", "input": {}, "x": "' + b"x" * 100 + b'"}', None, "too_large", "max_event_bytes"),
        (None, b"t", "invalid_event", "not null"),
    ],
)
def test_that_an_invalid_task_has_a_failed_result_by_way_of_its_home(
    machine: RunStateMachine, value: bytes | None, key: bytes | None, code: str, words: str
) -> None:
    (told,) = _rejected(machine, value, key)
    assert (told.topic, told.key, told.partition, told.id) == (TASKS, "t", HOME, "tasks/5/9/rejected")
    assert told.traceparent == "00-theirs"
    (sent,) = machine.decide(None, received(told.event, partition=HOME), NOW).outgoing
    assert (sent.topic, sent.key, sent.partition) == (RESULTS, "t", HOME)
    assert isinstance(sent.event, Result)
    assert (sent.event.status, sent.event.error and sent.event.error.code) == ("failed", code)
    assert words in sent.event.error.message if sent.event.error else False
    whole = isinstance(value, bytes) and value.endswith(b"}}")
    assert (sent.event.workflow, sent.event.metadata) == (("w", {"a": "b"}) if whole else ("ask", {}))


def test_that_the_result_of_a_good_task_is_not_replaced_by_that_of_an_invalid_one(machine: RunStateMachine) -> None:
    run = machine.decide(None, received(TASK, partition=HOME), NOW).value
    (told,) = _rejected(machine, b'{"id": "t"}')
    assert machine.decide(run, received(told.event, partition=HOME), NOW) == Decision(outgoing=[])


def test_that_nobody_is_told_of_what_has_no_id_and_of_other_events(machine: RunStateMachine) -> None:
    assert _rejected(machine, b"{") == []
    assert _rejected(machine, b"{", b"\xff") == []
    message = Message("signals", 5, 9, b"t", b"{")
    assert list(machine.rejected(SIGNALS, message, InvalidEvent("not_json", "no"))) == []


@pytest.mark.parametrize(
    ("event", "topic", "key"),
    [
        (Task(id="t", input={}, rejected=Failure(code="x", message="y")), TASKS, "t"),
        (Signal(task_id="t", name="go"), SIGNALS, "t"),
        (_response("t/answer/local/1"), MODEL_RESPONSES, "t"),
        (RetrievalResult(id="r", task_id="t", step="s"), RETRIEVAL_RESULTS, "t"),
        (StepResult(id="r", task_id="t", step="s"), STEP_RESULTS, "t"),
        (
            SlotEvent(
                id="s",
                action="acquire",
                workflow="w",
                key="k",
                task_id="t",
                expires_at=datetime.fromtimestamp(NOW, UTC),
            ),
            SLOTS,
            "w/k",
        ),
        (
            BudgetEvent(
                id="b",
                action="settle",
                budget="b:x",
                task_id="t",
                workflow="w",
                expires_at=datetime.fromtimestamp(NOW, UTC),
            ),
            BUDGETS,
            "b:x",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_that_every_event_of_a_key_is_sent_home_first(
    machine: RunStateMachine, event: Any, topic: Any, key: str
) -> None:
    home = partition_of(key, PARTITIONS)
    decision = machine.decide(None, received(event, partition=(home + 1) % PARTITIONS, value=b"as it was"), NOW)
    (moved,) = decision.outgoing
    assert (decision.value, decision.wait) == (None, None)
    assert (moved.topic, moved.key, moved.partition, moved.id) == (topic, key, home, "cause")
    assert (moved.event, moved.value) == (event, b"as it was")
