from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.errors import InvalidEvent
from app.fusion.base import Strategy, StrategyOptions
from app.routing.base import HealthSnapshot
from app.settings import AskSettings, BudgetSettings
from app.workflows.checks import check
from app.workflows.definition.builtin import ask
from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine import TaskReceived, Tick, advance
from app.workflows.engine_context import EngineContext
from app.workflows.records import Assembler, records
from app.workflows.run import Done, Response, Run, RunState
from tests.workflows.simulation import (
    LIMITS,
    MODELS,
    SIGNALS,
    START,
    TEXTS,
    Life,
    accept,
    answer,
    live,
    requests,
    ticket,
    workflows,
    written,
)
from topics.budgets import BudgetEvent
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.results import Result
from topics.retrieval_requests import RetrievalRequest
from topics.signals import Signal
from topics.slots import SlotEvent
from topics.tasks import Task

# --- examples ---------------------------------------------------------------------------------------------


def _workflow(steps: dict[str, Any], **fields: Any) -> Definitions:
    return Definitions([Workflow.model_validate({"id": "w", "steps": steps, "answer": list(steps)[-1], **fields})])


def _asking(*models: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "ask", "models": models or ("alpha",), "prompt": "{{ input.question }}", **fields}


RETRIEVE = {"kind": "retrieve", "query": "{{ input.question }}", "limit": 3, "collection": "docs"}


def _begun(steps: dict[str, Any], **fields: Any) -> Life:
    life = Life(_workflow(steps, **fields))
    life.give(accept())
    return life


def _outcome(life: Life) -> Result:
    (result,) = life.results
    assert isinstance(life.state, Done)
    return result


def _model_requests(life: Life) -> list[ModelRequest]:
    return [request for request in life.open if isinstance(request, ModelRequest)]


def test_that_the_built_in_workflow_retrieves_asks_all_fuses_and_answers() -> None:
    engine = EngineContext(Definitions([ask(AskSettings(models=("a", "b"), strategy="vote"))]), limits=LIMITS)
    task = Task(id="t", input={"question": "why?"}, metadata={"tenant": "x"})
    state, commands = advance(None, TaskReceived("t", task), engine, START)
    (retrieval,) = commands
    assert isinstance(retrieval, RetrievalRequest)
    assert (retrieval.id, retrieval.query, retrieval.limit) == ("t/retrieve/retrieve/1", "why?", 4)
    state, requests = advance(state, answer(retrieval, "Because."), engine, START + 1)
    assert [request.id for request in requests if isinstance(request, ModelRequest)] == ["t/answer/a/1", "t/answer/b/1"]
    first = requests[0]
    assert isinstance(first, ModelRequest)
    assert [message.role for message in first.messages] == ["system", "user"]
    assert "[1]" in first.messages[1].content
    assert "Because." in first.messages[1].content
    state, nothing = advance(state, answer(first, "Yes"), engine, START + 2)
    assert nothing == []
    state, commands = advance(state, answer(requests[1], "yes."), engine, START + 3)  # type: ignore[arg-type]  # a request
    (result,) = commands
    assert isinstance(result, Result)
    assert (result.status, result.answer, result.agreement, result.fusion) == ("succeeded", "Yes", 1.0, "vote")
    assert [citation.source for citation in result.citations] == ["d.md"]
    assert [(candidate.branch, candidate.chosen) for candidate in result.candidates] == [("a", True), ("b", False)]
    assert (result.usage.input_tokens, result.usage.output_tokens, result.degraded) == (4, 2, False)
    assert [(step.step, step.status, step.seconds) for step in result.steps] == [
        ("retrieve", "succeeded", 1.0),
        ("answer", "succeeded", 2.0),
    ]
    assert result.finished_at - result.accepted_at == timedelta(seconds=3)
    assert result.metadata == {"tenant": "x"}
    assert isinstance(state, Done)
    assert state.forget_at == START + 3 + LIMITS.remember


def test_that_a_request_says_what_the_step_says_and_when_it_expires() -> None:
    life = _begun({"find": {**RETRIEVE, "timeout": 7}, "say": _asking(after=["find"], sampling={"max_tokens": 5})})
    (request,) = life.open
    assert isinstance(request, RetrievalRequest)
    assert (request.query, request.limit, request.collection) == ("why?", 3, "docs")
    assert request.expires_at == datetime.fromtimestamp(START + 7, UTC)
    life.give(answer(request))
    assert _model_requests(life)[0].sampling.max_tokens == 5
    assert not _model_requests(life)[0].embed  # a single answer is compared with nothing


def test_that_embeddings_are_asked_for_when_the_fusion_needs_them() -> None:
    life = _begun({"say": _asking("alpha", "beta", fusion={"strategy": "consensus"})})
    assert [request.embed for request in _model_requests(life)] == [True, True]


@pytest.mark.parametrize(
    ("task", "code", "message"),
    [
        (Task(id="t", workflow="w", input={}), "invalid_input", "question"),
        (Task(id="t", workflow="w", input={"question": ""}), "invalid_input", "question"),
        (
            Task(id="t", workflow="w", input={"question": "?"}, deadline=datetime.fromtimestamp(START, UTC)),
            "deadline_exceeded",
            "had passed when it was received",
        ),
    ],
)
def test_that_a_task_that_cannot_be_run_ends_at_once_and_says_why(task: Task, code: str, message: str) -> None:
    schema = {"required": ["question"], "properties": {"question": {"minLength": 1}}}
    life = Life(_workflow({"say": _asking()}, input=schema))
    life.give(TaskReceived("t", task))
    error = _outcome(life).error
    assert error
    assert error.code == code
    assert message in error.message


@pytest.mark.parametrize("version", [None, 7])
def test_that_a_task_of_an_unknown_workflow_waits_a_little_and_then_ends(version: int | None) -> None:
    life = Life(_workflow({"say": _asking()}))
    life.give(TaskReceived("t", Task(id="t", workflow="w" if version else "nope", version=version, input={})))
    assert isinstance(life.state, Run)
    life.expire()
    error = _outcome(life).error
    assert error
    assert error.code == "unknown_workflow"
    assert life.results[0].workflow_version == (version or 1)
    assert life.now == START + LIMITS.lookup


def test_that_a_task_begins_when_its_workflow_is_deployed_meanwhile() -> None:
    life = Life(Definitions())
    life.give(accept())
    life.definitions = _workflow({"say": _asking()})
    life.now += 0.25
    life.give(Tick())
    life.give(answer(life.open[0]))
    assert _outcome(life).status == "succeeded"


def test_that_a_task_that_comes_twice_is_one_run() -> None:
    life = _begun({"say": _asking()})
    state = life.state
    assert life.give(accept()) == []
    assert life.state is state
    life.give(answer(life.open[0]))
    assert life.give(accept()) == []  # also when it has ended
    assert len(life.results) == 1


def test_that_another_task_of_the_same_id_is_refused_but_other_metadata_are_no_other_task() -> None:
    life = _begun({"say": _asking()})
    other = Task(id="t", workflow="w", input={"question": "what?"})
    with pytest.raises(InvalidEvent, match="another task with the id t") as caught:
        advance(life.state, TaskReceived("t", other), life.engine, START)
    assert caught.value.reason == "duplicate_id"
    again = Task(id="t", workflow="w", input={"question": "why?"}, metadata={"try": "2"})
    assert life.give(TaskReceived("t", again)) == []


def test_that_an_event_for_no_run_is_nothing() -> None:
    life = _begun({"say": _asking()})
    assert advance(None, answer(life.open[0]), life.engine, START) == (None, [])
    assert advance(None, Tick(), life.engine, START) == (None, [])


def test_that_an_optional_step_may_fail_and_the_result_says_so() -> None:
    life = _begun({"find": {**RETRIEVE, "optional": True}, "say": _asking(after=["find"])})
    life.give(answer(life.open[0], error="retrieval"))
    life.give(answer(life.open[1]))
    result = _outcome(life)
    assert (result.status, result.degraded, result.citations) == ("succeeded", True, ())
    failure = result.steps[0].error
    assert failure
    assert (result.steps[0].status, failure.code) == ("failed", "retrieval")


def test_that_a_needed_step_that_fails_ends_the_run_with_its_error() -> None:
    life = _begun({"find": RETRIEVE, "say": _asking(after=["find"])})
    life.give(answer(life.open[0], error="retrieval"))
    result = _outcome(life)
    assert result.error
    assert (result.status, result.error.code, result.answer) == ("failed", "retrieval", None)
    assert [step.status for step in result.steps] == ["failed", "skipped"]


def test_that_steps_without_dependence_begin_together() -> None:
    life = _begun({"one": RETRIEVE, "two": _asking("beta"), "say": _asking(after=["one", "two"])})
    assert [request.id for request in life.open] == ["t/one/retrieve/1", "t/two/beta/1"]


def test_that_a_prompt_sees_what_came_before() -> None:
    steps = {"one": _asking(), "two": _asking("beta", prompt="So: {{ steps.one.output }}")}
    life = _begun(steps)
    life.give(answer(life.open[0], "forty-two"))
    assert life.open[1].messages[0].content == "So: forty-two"  # type: ignore[union-attr]  # a model request


def test_that_a_prompt_that_cannot_be_rendered_fails_its_step() -> None:
    life = _begun({"say": _asking(prompt="{{ input.nothing }}")})
    error = _outcome(life).error
    assert error
    assert error.code == "prompt"
    assert "workflow w: steps.say.prompt" in error.message


@pytest.mark.parametrize(("quorum", "failing", "status"), [(1, 2, "succeeded"), (2, 1, "succeeded"), (2, 2, "failed")])
def test_that_the_quorum_decides(quorum: int, failing: int, status: str) -> None:
    models = ("alpha", "beta", "delta")
    life = _begun({"say": _asking(*models, fusion={"strategy": "consensus", "quorum": quorum})})
    for number, request in enumerate(tuple(life.open)):
        life.give(answer(request, error=("overloaded", "timeout")[number % 2] if number < failing else None))
    result = _outcome(life)
    assert (result.status, result.degraded) == (status, status == "succeeded")  # without an answer nothing is degraded
    if result.error:
        assert result.error.code == "quorum_not_met"
        assert "2 of 3 models failed in step say, and 2 must answer" in result.error.message


def test_that_one_common_cause_is_named() -> None:
    life = _begun({"say": _asking("beta", "alpha")})
    for request in tuple(life.open):
        life.give(answer(request, error="unauthorized"))
    error = _outcome(life).error
    assert error
    assert (error.code, error.message) == ("unauthorized", "unauthorized of t/say/alpha/1")


def test_that_a_quorum_above_the_number_asked_means_all_of_them() -> None:
    life = _begun({"say": _asking("alpha", "beta", fusion={"strategy": "first", "quorum": 5})})
    life.give(answer(life.open[1], "No"))
    assert life.results == []
    life.give(answer(life.open[0], "Yes"))
    assert _outcome(life).answer == "No"  # the first to arrive


def test_that_a_time_out_answers_with_what_is_there_and_says_that_it_is_less() -> None:
    life = _begun({"say": _asking("alpha", "beta", timeout=5, fusion={"strategy": "consensus"})})
    life.give(answer(life.open[0]))
    life.expire()
    result = _outcome(life)
    assert (result.status, result.answer, result.degraded, life.now) == ("succeeded", "Yes", True, START + 5)


def test_that_an_answer_that_was_certain_early_is_not_degraded() -> None:
    life = _begun({"say": _asking("alpha", "beta", "delta", fusion={"strategy": "vote"})})
    for request in life.open[:2]:
        life.give(answer(request))
    assert (_outcome(life).answer, _outcome(life).degraded) == ("Yes", False)


@pytest.mark.parametrize(("timeout", "deadline", "limit"), [(5, 60, "its timeout"), (60, 5, "the run's deadline")])
def test_that_silence_ends_the_run_and_says_whose_time_was_over(timeout: int, deadline: int, limit: str) -> None:
    life = _begun({"say": _asking(timeout=timeout)}, deadline=deadline)
    life.expire()
    error = _outcome(life).error
    assert error
    assert (error.code, life.now) == ("deadline_exceeded", START + 5)
    assert error.message == f"step say did not end within {limit}"


def test_that_the_tasks_deadline_counts_but_never_beyond_the_limit() -> None:
    for seconds, expected in ((30, 30.0), (10_000, LIMITS.max_run)):
        life = Life(_workflow({"say": _asking()}, deadline=60))
        deadline = datetime.fromtimestamp(START + seconds, UTC)
        life.give(TaskReceived("t", Task(workflow="w", input={"question": "?"}, deadline=deadline)))
        assert isinstance(life.state, Run)
        assert life.state.deadline == START + expected


def test_that_a_late_answer_to_a_step_that_is_over_changes_nothing() -> None:
    life = _begun({"find": {**RETRIEVE, "timeout": 5, "optional": True}, "say": _asking(after=["find"])})
    late = life.open[0]
    life.now += 5
    life.give(Tick())
    state = life.state
    assert life.give(answer(late)) == []
    assert life.state is state


def test_that_a_tick_before_its_time_changes_nothing() -> None:
    life = _begun({"say": _asking()})
    state = life.state
    assert life.give(Tick()) == []
    assert life.state is state


def test_that_ties_go_to_the_model_that_is_written_first() -> None:
    life = _begun({"say": _asking("beta", "alpha", fusion={"strategy": "vote"})})
    life.give(answer(life.open[1], "No"))
    life.give(answer(life.open[0], "Yes"))
    assert _outcome(life).answer == "Yes"


def test_that_a_malformed_embedding_costs_no_answer() -> None:
    life = _begun({"say": _asking("alpha", "beta", fusion={"strategy": "consensus"})})
    for request in tuple(life.open):
        response = answer(request)
        assert isinstance(response, ModelResponse)
        life.give(response.model_copy(update={"embedding": "?"}))
    assert _outcome(life).status == "succeeded"


class _Broken:
    name: ClassVar[str] = "broken"
    Options: ClassVar[type[BaseModel]] = StrategyOptions
    needs_embeddings = False
    models = ()

    def __init__(self, options: Any) -> None:
        pass

    def fuse(self, panel: Any) -> Any:  # noqa: ARG002  # the port's signature
        raise RuntimeError("a secret")

    def decided(self, candidates: Any, outstanding: int) -> bool:  # noqa: ARG002  # likewise
        return True


def test_that_a_strategy_that_breaks_fails_its_step_only() -> None:
    definitions = _workflow({"say": _asking()})
    definitions.latest("w").steps["say"].strategy = cast("Strategy", _Broken(None))
    life = Life(definitions)
    life.give(accept())
    life.give(answer(life.open[0]))
    error = _outcome(life).error
    assert error
    assert (error.code, error.message) == ("fusion", "the strategy first raised RuntimeError")


def test_that_a_run_whose_workflow_is_gone_ends() -> None:
    life = _begun({"say": _asking()})
    life.definitions = Definitions([ask(AskSettings())])
    life.give(Tick())
    error = _outcome(life).error
    assert error
    assert error.code == "unknown_workflow"


def test_that_a_run_keeps_the_version_with_which_it_began() -> None:
    life = _begun({"say": _asking()})
    newer = Workflow.model_validate({"id": "w", "version": 2, "steps": {"x": _asking("beta")}})
    life.definitions = Definitions([life.definition.spec, newer])
    life.give(answer(life.open[0]))
    assert _outcome(life).workflow_version == 1


def test_that_no_two_requests_of_any_two_tasks_share_an_id() -> None:
    ids = []
    for task_id in ("x", "x/say", "x/say/b"):
        say = _asking("c", "b/c", "say/b/c", "b%2Fc", "d:1", "!lookup", "retrieve")
        life = Life(_workflow({"b": RETRIEVE, "say": say}))
        life.give(accept(task_id))
        ids += [request.id for request in life.open if not isinstance(request, SlotEvent)]
    assert len(set(ids)) == len(ids) == 24
    assert ids[0] == "x/b/retrieve/1"
    assert ids[5] == "x/say/d:1/1"


# --- properties -------------------------------------------------------------------------------------------

HAPPENINGS = st.sampled_from(
    [
        "answer",
        "answer",
        "answer",
        "answer",
        "error",
        "repeat",
        "lose",
        "tick",
        "wait",
        "restart",
        "task",
        "signal",
        "health",
        "deploy",
        "cancel",
    ]
)


BUDGETS = (BudgetSettings(name="one", limit=1), BudgetSettings(name="two", tenant="*", limit=1))


def _misfortune(life: Life, data: st.DataObject) -> None:  # noqa: C901  # one for each misfortune
    """Have one random thing happen: an answer, an error, a repetition, a loss, time, news, or a restart."""
    received = [event for event, _, _ in life.inputs if not isinstance(event, TaskReceived | Tick)]
    match data.draw(HAPPENINGS):
        case "answer" if life.open:
            life.give(_answered(life.open.pop(_place(life, data)), data))
        case "error" if life.open:
            error, cut = data.draw(st.sampled_from(["a", "b"])), data.draw(st.sampled_from(["", "Half an an"]))
            life.give(answer(life.open.pop(_place(life, data)), error=error, cut=cut))
        case "repeat" if received:
            life.give(data.draw(st.sampled_from(received)))
        case "lose" if life.open:
            life.open.pop(_place(life, data))
        case "tick":
            life.give(Tick())
        case "wait":
            life.now += data.draw(st.sampled_from([0.001, 3.0, 5.0, 20.0, 50.0]))
        case "restart":
            life.restart()
        case "task":
            life.give(accept())
        case "signal":
            life.give(Signal(task_id="t", name=data.draw(st.sampled_from(SIGNALS)), payload=1))
        case "deploy":
            life.deploy()
        case "cancel" if data.draw(st.integers(0, 3)) == 0:
            life.give(Signal(task_id="t", kind="cancel", actor="ada"))
        case "health":
            life.health[data.draw(st.sampled_from(MODELS))] = HealthSnapshot(
                data.draw(st.sampled_from([0.1, 9.0])), 0.5
            )


def _answered(request: Any, data: st.DataObject) -> Response:
    """Return an answer, or, of one that may wait, the ticket of an answer."""
    if isinstance(request, ModelRequest) and request.batch and data.draw(st.booleans()):
        return ticket(request, data.draw(st.sampled_from([0.0, 3.0, 40.0])))
    return answer(request, data.draw(st.sampled_from(TEXTS)))


def _place(life: Life, data: st.DataObject) -> int:
    return data.draw(st.integers(0, len(life.open) - 1))


@settings(max_examples=150, deadline=None)
@given(workflow=workflows(), data=st.data(), events=st.integers(0, 30))
def test_that_whatever_happens_a_run_has_exactly_one_result(
    workflow: Workflow, data: st.DataObject, events: int
) -> None:
    budgets = data.draw(st.sampled_from([(), (), BUDGETS]))
    life = Life(Definitions([workflow]), budgets=budgets)
    live(life, data, _misfortune, events)
    accepted = life.inputs[0][1]
    life.expire()
    result = _outcome(life)
    assert result.accepted_at == datetime.fromtimestamp(accepted, UTC)
    _nothing_is_held(life)
    _nothing_changes_any_more(life)
    _replay(life)


_STREAM = {"stream": True, "retry": {"attempts": 2, "backoff": 1.0}}


@settings(max_examples=100, deadline=None)
@given(cuts=st.lists(st.text("ab ", max_size=3), max_size=5))
def test_that_a_streamed_answer_is_the_whole_of_what_was_said_however_often_it_is_cut_off(cuts: list[str]) -> None:
    life = _begun({"say": _asking("alpha", "beta", "delta", **_STREAM)})
    for cut in cuts:
        life.give(answer(life.open.pop(), error="unavailable", cut=cut))
        life.restart()
        while not life.open:  # the step's second attempt
            life.now = max(life.now, life.state.wake_at) if isinstance(life.state, Run) else life.now
            life.give(Tick())
    life.give(answer(life.open.pop(), "end"))
    result = _outcome(life)
    assert result.answer == "".join(cuts) + "end"
    assert [one.text for one in result.candidates if one.chosen] == [result.answer]


def _nothing_is_held(life: Life) -> None:
    """A slot that was asked for is given back, and money is settled."""
    slots = [command.action for command in life.commands if isinstance(command, SlotEvent)]
    assert slots in ([], ["acquire", "release"])
    for budget in ("one", "two:"):
        asked = [one.action for one in life.commands if isinstance(one, BudgetEvent) and one.budget == budget]
        assert asked in ([], ["reserve", "settle"])


def _nothing_changes_any_more(life: Life) -> None:
    for request in tuple(life.open):
        assert life.give(answer(request)) == []
    life.now += 10_000
    assert life.give(Tick()) == []
    assert life.give(accept()) == []
    assert life.give(Signal(task_id="t", kind="cancel")) == []


def _replay(life: Life) -> None:
    """The recorded inputs make the same commands, byte for byte."""
    state: RunState | None = None
    commands: list[bytes] = []
    for event, now, engine in life.inputs:
        state, new = advance(state, event, engine, now)
        commands += [command.to_json() for command in new]
    assert commands == [command.to_json() for command in life.commands]
    assert written(state) == written(life.state)


@settings(max_examples=100, deadline=None)
@given(workflow=workflows(), data=st.data(), events=st.integers(1, 20))
def test_that_a_run_survives_being_set_back_to_any_earlier_state(
    workflow: Workflow, data: st.DataObject, events: int
) -> None:
    """A crash loses the states since the last write; all events since then are delivered again, in any order."""
    first = Life(Definitions([workflow]))
    history: list[tuple[RunState | None, int, int]] = [(None, 0, 0)]
    first.give(accept())
    for _ in range(events):
        history.append((first.state, len(first.inputs), len(first.commands)))
        _misfortune(first, data)
    state, known, sent = data.draw(st.sampled_from(history))
    open_then = requests(first.commands[:sent])
    second = Life(first.definitions, state, first.now, open=open_then)
    lost = [event for event, _, _ in first.inputs[known:] if not isinstance(event, Tick)]
    # Without a run, its events wait for the task: delivery keeps them.
    tasks = [event for event in lost if isinstance(event, TaskReceived)]
    received = data.draw(st.permutations([event for event in lost if not isinstance(event, TaskReceived)]))
    for event in (*tasks, *received):
        second.give(event)
    _nothing_is_lost(second, first)
    second.expire()
    assert len(second.results) == (0 if isinstance(state, Done) else 1)
    assert isinstance(second.state, Done)


def _nothing_is_lost(life: Life, *before: Life) -> None:
    """What was answered is not awaited: whoever has answered does not do so again."""
    answered = {event.id for one in (life, *before) for event, _, _ in one.inputs if isinstance(event, Response)}
    if isinstance(life.state, Run):
        assert not any(step.outstanding & answered for step in life.state.steps.values())


@settings(max_examples=100, deadline=None)
@given(workflow=workflows(), data=st.data(), events=st.integers(1, 20))
def test_that_no_answer_is_lost_when_a_crash_follows_a_crash(
    workflow: Workflow, data: st.DataObject, events: int
) -> None:
    """After the first one, answers come before their requests; the second one cuts a write off."""
    first = Life(Definitions([workflow]))
    first.give(accept())
    begun = first.state
    for _ in range(events):
        _misfortune(first, data)
    lost = [event for event, _, _ in first.inputs[1:] if not isinstance(event, Tick)]
    received = data.draw(st.permutations(lost))
    cut = data.draw(st.integers(0, len(received)))
    second = Life(first.definitions, begun, first.now)
    for event in received[:cut]:
        second.give(event)
    written_first = second.state
    for event in received[cut:]:
        second.give(event)
    log = [*records("t", written_first, None), *_part(records("t", second.state, written_first), data)]
    third = Life(first.definitions, _read_back(log), second.now)
    third.give(Tick())
    for event in data.draw(st.permutations(received[cut:])):
        third.give(event)
    _nothing_is_lost(third, first)
    third.expire()
    assert isinstance(third.state, Done)


def _read_back(log: list[tuple[str, bytes | None]]) -> RunState:
    assembler = Assembler()
    for key, value in log:
        assembler.add(key, value)
    return assembler.states()["t"]


@settings(max_examples=100, deadline=None)
@given(workflow=workflows(), data=st.data(), events=st.integers(1, 20))
def test_that_a_run_survives_a_write_of_which_only_a_part_arrived(
    workflow: Workflow, data: st.DataObject, events: int
) -> None:
    """A worker may die between the records of one write; the events behind what is lost are delivered again."""
    life = Life(Definitions([workflow]))
    life.give(accept())
    before = life.state
    for _ in range(events):
        _misfortune(life, data)
    log = [*records("t", before, None), *_part(records("t", life.state, before), data)]
    second = Life(life.definitions, _read_back(log), life.now)
    second.give(Tick())
    received = [event for event, _, _ in life.inputs[1:] if not isinstance(event, Tick)]
    for event in data.draw(st.permutations(received)):
        second.give(event)
    _nothing_is_lost(second, life)
    second.expire()
    assert isinstance(second.state, Done)


def _part(log: list[tuple[str, bytes | None]], data: st.DataObject) -> list[tuple[str, bytes | None]]:
    return log[: data.draw(st.integers(0, len(log)))]


_SETTLED = ("ask", "retrieve", "connector", "transform", "decide", "map")


@settings(max_examples=100, deadline=None)
@given(workflow=workflows(kinds=_SETTLED), data=st.data())
def test_that_the_order_of_events_and_their_repetition_do_not_matter(workflow: Workflow, data: st.DataObject) -> None:
    # A step that waits for its own stand-in waits until the deadline, which never comes here; the checks refuse it.
    assume(not any(found.key[-2:] == ("fallback", "step") and not found.warning for found in check(workflow)))
    settled = _indifferent(workflow)
    one, other = (_shuffled(settled, data) for _ in range(2))
    assert one.status == other.status
    if one.status == "succeeded":
        assert one.answer == other.answer
        assert sorted(step.status for step in one.steps) == sorted(step.status for step in other.steps)


def _indifferent(workflow: Workflow) -> Workflow:
    """Return the workflow without what depends on arrival: the first answer, and models that stand in for others."""
    spec = workflow.model_dump(by_alias=True, exclude_none=True)
    spec.pop("concurrency", None)
    for step in spec["steps"].values():
        for part in (step, step.get("step", {})):
            if part.get("kind") == "ask":
                part["fusion"] = {"strategy": "consensus", "quorum": part["fusion"]["quorum"]}
                part["routing"] = [{**stage, "fall_back": False} for stage in part["routing"]]
        if step["kind"] == "map":  # which of several failures is one too many is a matter of arrival
            step["tolerate"] = 10
        # Time does not pass here, so that nothing is tried again.
        step["retry"]["attempts"] = 1
        if "step" in step:
            step["step"]["retry"]["attempts"] = 1
    return Workflow.model_validate(spec)


def _shuffled(workflow: Workflow, data: st.DataObject) -> Result:
    """Return the result of a run whose responses, functions of their requests' ids, arrive in any order, some twice."""
    life = Life(Definitions([workflow]))
    life.give(accept())
    while life.open and isinstance(life.state, Run):
        received = _settled(life.open.pop(_place(life, data)))
        for _ in range(data.draw(st.integers(1, 2))):
            life.give(received)
    return _outcome(life)


def _settled(request: Any) -> Response:
    lot = sum(request.id.encode())
    return answer(request, TEXTS[lot % len(TEXTS)], error="unavailable" if lot % 5 == 0 else None)


def test_that_a_turn_that_comes_after_a_crash_during_its_write_goes_on_with_what_was_written() -> None:
    limit = {"limit": 1, "key": "'all'"}
    steps = {"one": {"kind": "wait", "signal": "approval"}, "two": RETRIEVE, "say": _asking(after=["one", "two"])}
    life = _begun(steps, concurrency=limit)
    in_line, (acquire,) = life.state, life.open
    life.give(answer(acquire))
    held = life.state
    assert isinstance(in_line, Run)
    assert isinstance(held, Run)
    left = {"one": held.steps["one"]}
    cut = replace(in_line, steps=left, active={"one": held.active["one"]})
    life = Life(life.definitions, cut, life.now)
    life.give(answer(acquire))
    assert [request.id for request in requests(life.commands)] == ["t/two/retrieve/1"]
